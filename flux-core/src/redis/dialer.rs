use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, ValueCodec};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::FramedRead;

use super::connection::Connection;
use super::error::RedisError;
use super::servers::{Address, Login};
use super::settings::RedisSettings;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

pub(super) type Reading = FramedRead<ReadHalf<Box<dyn Stream>>, ValueCodec>;
pub(super) type Writing = WriteHalf<Box<dyn Stream>>;

/// Makes connections that have said hello.
pub(super) struct Dialer {
    tls: Option<TlsConnector>,
    login: Login,
    database: u32,
    client_name: String,
    timeout: Duration,
}

impl Dialer {
    /// Reads the certificate authorities.
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, RedisError> {
        Ok(Dialer {
            tls: settings.servers.tls.then(|| connector(settings)).transpose()?,
            login: settings.servers.login.clone(),
            database: settings.servers.database,
            client_name: settings.client_name.clone(),
            timeout: settings.connect_timeout,
        })
    }

    /// A connection to a server that keeps data.
    pub(super) async fn dial(&self, address: &Address) -> Result<Connection, RedisError> {
        self.within_time(address, async {
            let mut connection = Connection::new(self.open(address).await?, self.timeout);
            connection.expect_ok(&self.hello(&self.login)).await?;
            if self.database > 0 {
                let mut select = Cmd::new();
                select.arg("SELECT").arg(self.database);
                connection.expect_ok(&select).await?;
            }
            Ok(connection)
        })
        .await
    }

    /// A connection to a Sentinel, which has a login of its own and no databases.
    pub(super) async fn dial_sentinel(&self, address: &Address, login: &Login) -> Result<Connection, RedisError> {
        self.within_time(address, async {
            let mut connection = Connection::new(self.open(address).await?, self.timeout);
            connection.expect_ok(&self.hello(login)).await?;
            Ok(connection)
        })
        .await
    }

    async fn within_time(
        &self,
        address: &Address,
        dialing: impl Future<Output = Result<Connection, RedisError>>,
    ) -> Result<Connection, RedisError> {
        match tokio::time::timeout(self.timeout, dialing).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error @ RedisError::Settings(_))) => Err(error),
            Ok(Err(error)) => Err(RedisError::unavailable(format!("{address}: {}", plain(&error)))),
            Err(_) => Err(RedisError::unavailable(format!("{address}: no answer within {:?}", self.timeout))),
        }
    }

    fn hello(&self, login: &Login) -> Cmd {
        let mut hello = Cmd::new();
        hello.arg("HELLO").arg(3);
        if let Some(password) = &login.password {
            hello.arg("AUTH").arg(login.user.as_deref().unwrap_or("default")).arg(password);
        }
        hello.arg("SETNAME").arg(&self.client_name);
        hello
    }

    async fn open(&self, address: &Address) -> Result<Box<dyn Stream>, RedisError> {
        let socket = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| lost(&error))?;
        socket.set_nodelay(true).map_err(|error| lost(&error))?;
        // A peer that vanished without a word is found by our own pings; this finds it where nothing is awaited.
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
        SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(|error| lost(&error))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| RedisError::Settings(format!("{} cannot be the name in a certificate", address.host).into()))?;
        Ok(Box::new(tls.connect(name, socket).await.map_err(|error| lost(&error))?))
    }
}

fn lost(error: &io::Error) -> RedisError {
    RedisError::Lost(error.to_string().into())
}

fn plain(error: &RedisError) -> String {
    match error {
        RedisError::Lost(why) | RedisError::Unavailable(why) => why.to_string(),
        RedisError::Refused { code, message } if &**code == "NOAUTH" || &**code == "WRONGPASS" => {
            format!("{code} {message} (user and password stand in the URL: redis://USER:PASSWORD@HOST)")
        }
        other => other.to_string(),
    }
}

fn connector(settings: &RedisSettings) -> Result<TlsConnector, RedisError> {
    let mut roots = RootCertStore::empty();
    match &settings.ca {
        Some(path) => {
            let wrong = |problem: String| RedisError::Settings(format!("redis.ca: {}: {problem}", path.display()).into());
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(wrong("holds no certificate".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisError::Settings(error.to_string().into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
