//! A certificate for this machine, made for one test.

use std::path::{Path, PathBuf};

/// PEM files that live as long as this. The certificate is its own authority.
pub struct Certificate {
    folder: tempfile::TempDir,
}

impl Certificate {
    pub fn new() -> Certificate {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificate = Certificate { folder };
        std::fs::write(certificate.file(), made.cert.pem()).expect("the folder is writable");
        std::fs::write(certificate.key(), made.signing_key.serialize_pem()).expect("the folder is writable");
        certificate
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Configuration keys and values of a server that shows it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        let settings = [
            ("mqtt.tls.cert", text(&self.file())),
            ("mqtt.tls.key", text(&self.key())),
            ("mqtt.tls_listen", "127.0.0.1:0".to_owned()),
            ("mqtt.wss_listen", "127.0.0.1:0".to_owned()),
        ];
        settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
