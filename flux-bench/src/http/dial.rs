use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::address::Address;

/// A connection, encrypted or not.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate authorities cannot be read from {path}")]
    Authorities { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{0:?} is not a name that a certificate can have")]
    Name(String),
}

/// Opens connections to one server.
#[derive(Clone)]
pub struct Dialler {
    address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialler {
    /// Trusts the authorities of the system and those in `ca_file`.
    pub fn new(address: &Address, ca_file: Option<&PathBuf>) -> Result<Self, TlsError> {
        let tls = match address.tls {
            false => None,
            true => {
                let name = ServerName::try_from(address.host.clone()).map_err(|_| TlsError::Name(address.host.clone()))?;
                Some((connector(ca_file)?, name))
            }
        };
        Ok(Self { address: address.clone(), tls })
    }

    pub async fn dial(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.address.socket).await?;
        // A request is one write: waiting for more only delays it.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Either::Left(stream)),
            Some((connector, name)) => Ok(Either::Right(Box::new(connector.connect(name.clone(), stream).await?))),
        }
    }
}

fn connector(ca_file: Option<&PathBuf>) -> Result<TlsConnector, TlsError> {
    // An error means that the process has chosen a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authorities { path: path.clone(), source };
        let pem = fs::read(path).map_err(|error| unreadable(error.into()))?;
        let found: Vec<_> =
            CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| unreadable(error.into()))?;
        if found.is_empty() {
            return Err(unreadable("it holds no certificate (PEM)".into()));
        }
        for authority in found {
            roots.add(authority).map_err(|error| unreadable(error.into()))?;
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
