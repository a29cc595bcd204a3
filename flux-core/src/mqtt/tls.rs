use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};

/// Why the files do not make a TLS server. Every text names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is not PEM: {problem}", file.display())]
    NotPem { file: PathBuf, problem: pem::Error },
    #[error("{} has no certificate; it needs at least one block that begins with -----BEGIN CERTIFICATE-----", file.display())]
    NoCertificate { file: PathBuf },
    #[error("{} has no private key; it needs one block that begins with -----BEGIN PRIVATE KEY----- (or RSA or EC PRIVATE KEY)", file.display())]
    NoKey { file: PathBuf },
    #[error("the private key in {} is encrypted; decrypt it first: openssl pkey -in {} -out key.pem", file.display(), file.display())]
    EncryptedKey { file: PathBuf },
    #[error("the private key in {} does not belong to the first certificate in {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate in {} and the private key in {} cannot be used: {problem}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, problem: rustls::Error },
    #[error("a certificate in {} cannot be used as a certificate authority: {problem}", file.display())]
    Authority { file: PathBuf, problem: rustls::Error },
    #[error("the certificate authorities in {} cannot verify clients: {problem}", file.display())]
    Verifier { file: PathBuf, problem: VerifierBuilderError },
}

/// TLS 1.2 and 1.3 for a server, from PEM files: its certificate chain (own certificate first) and its private key. With `client_authorities` a client must
/// show a certificate that one of them signed.
pub fn server_config(certificate: &Path, key: &Path, client_authorities: Option<&Path>) -> Result<ServerConfig, TlsError> {
    let chain = certificates(certificate)?;
    let private_key = private_key(key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3");
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_cert_verifier(client_verifier(file, provider)?),
    };
    builder.with_single_cert(chain, private_key).map_err(|problem| {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        match problem {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch { certificate, key },
            problem => TlsError::Unusable { certificate, key, problem },
        }
    })
}

fn client_verifier(
    file: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).map_err(|problem| TlsError::Authority { file: file.to_owned(), problem })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|problem| TlsError::Verifier { file: file.to_owned(), problem })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let found = found.map_err(|problem| TlsError::NotPem { file: file.to_owned(), problem })?;
    if found.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(found) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    const ENCRYPTED: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    let bytes = read(file)?;
    if ENCRYPTED.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark)) {
        return Err(TlsError::EncryptedKey { file: file.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|problem| match problem {
        pem::Error::NoItemsFound => TlsError::NoKey { file: file.to_owned() },
        problem => TlsError::NotPem { file: file.to_owned(), problem },
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Files(tempfile::tempdir().expect("a folder"))
        }

        fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        }
    }

    fn pair() -> (String, String) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("generated");
        (pair.cert.pem(), pair.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_its_key_make_a_server() {
        let (files, (certificate, key)) = (Files::new(), pair());
        let (certificate, key) = (files.write("cert.pem", certificate), files.write("key.pem", key));
        assert!(server_config(&certificate, &key, None).is_ok());
    }

    #[test]
    fn with_client_authorities_clients_must_show_a_certificate() {
        let (files, (certificate, key)) = (Files::new(), pair());
        let (certificate, key) = (files.write("cert.pem", certificate), files.write("key.pem", key));
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = authority.self_signed(&KeyPair::generate().expect("generated")).expect("signed");
        let authority = files.write("ca.pem", authority.pem());
        assert!(server_config(&certificate, &key, Some(&authority)).is_ok());
    }

    #[test]
    fn every_problem_names_its_file() {
        let (files, (certificate, key)) = (Files::new(), pair());
        let other = pair();
        let wrong = |certificate: &Path, key: &Path, authorities: Option<&Path>| {
            server_config(certificate, key, authorities).expect_err("refused").to_string()
        };
        let good_key = files.write("key.pem", &key);
        let good = files.write("cert.pem", &certificate);
        let missing = files.0.path().join("missing.pem");
        assert!(
            wrong(&missing, &good_key, None).contains("cannot read") && wrong(&missing, &good_key, None).contains("missing.pem")
        );
        assert!(wrong(&good, &missing, None).contains("missing.pem"));
        assert!(wrong(&good_key, &good_key, None).contains("key.pem has no certificate"));
        assert!(wrong(&good, &good, None).contains("cert.pem has no private key"));
        let cut = files.write("cut.pem", &certificate[..certificate.len() / 2]);
        assert!(wrong(&cut, &good_key, None).contains("cut.pem is not PEM"));
        let encrypted =
            files.write("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        assert!(wrong(&good, &encrypted, None).contains("encrypted.pem is encrypted"));
        let other_key = files.write("other.pem", &other.1);
        let text = wrong(&good, &other_key, None);
        assert!(text.contains("other.pem does not belong to the first certificate in"), "{text}");
        let garbage = files.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(wrong(&garbage, &good_key, None).contains("cannot be used"));
        assert!(wrong(&good, &good_key, Some(&garbage)).contains("garbage.pem cannot be used as a certificate authority"));
    }
}
