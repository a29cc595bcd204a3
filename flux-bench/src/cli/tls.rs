use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::report::failure::Failure;

/// How servers prove who they are, and the generator to them.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArguments {
    /// Over TLS: mqtt:// becomes mqtts:// (8883), ws:// becomes wss://
    #[arg(long)]
    pub tls: bool,

    /// Authorities to trust beside the system's, PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// The generator's certificate, PEM; all clients show the same
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Do not ask who the server is
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
}

impl TlsArguments {
    pub fn given(&self) -> bool {
        self.ca.is_some() || self.cert.is_some() || self.insecure
    }

    /// One configuration for all connections.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(1, "tls", "TLS cannot be set up").cause(error.to_string()))?;
        let verified = if self.insecure {
            versions.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        } else {
            versions.with_root_certificates(self.roots()?)
        };
        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let key_pem = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("--key", key, &error))?;
                verified
                    .with_client_auth_cert(certificates("--cert", cert)?, key_pem)
                    .map_err(|error| Failure::usage("--cert and --key do not belong together").cause(error.to_string()))?
            }
            _ => verified.with_no_client_auth(),
        };
        // Every client stands for another device, and those do not have each other's tickets: full handshakes are the load.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = &self.ca {
            for authority in certificates("--ca", file)? {
                roots.add(authority).map_err(|error| unreadable("--ca", file, &error))?;
            }
        }
        Ok(roots)
    }
}

fn certificates(flag: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(file).and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(flag, file, &"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(flag, file, &error)),
    }
}

fn unreadable(flag: &str, file: &Path, cause: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{flag} {}: cannot be used", file.display()))
        .cause(cause.to_string())
        .hint("it must be a PEM file: -----BEGIN CERTIFICATE----- or -----BEGIN PRIVATE KEY-----")
}

/// `--insecure`: whoever answers is the server, but the handshake is still checked and costs what it costs.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
