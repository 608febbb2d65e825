//! TLS 1.2 and 1.3 with HTTP/2 agreed on, and callers' certificates where they are asked for.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::Tls;
use crate::mailbox::lock;

const HTTP2: &[u8] = b"h2";

/// What takes TLS connections, and the certificate that it shows.
pub(crate) fn acceptor(tls: &Tls) -> Result<(TlsAcceptor, Arc<Shown>), Error> {
    let provider = Arc::new(ring::default_provider());
    let shown = Arc::new(Shown::new(Arc::clone(&provider), &tls.certificate, &tls.key)?);
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| broken("the provider", &error))?;
    let builder = match &tls.client_authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem, "the authority of clients")? {
                roots.add(authority).map_err(|error| broken("the authority of clients", &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if tls.client_optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(
                verifier.build().map_err(|error| broken("the authority of clients", &error))?,
            )
        }
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&shown) as _);
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), shown))
}

/// The certificate that is shown to whoever connects. Another one may take its place: connections that are open go on.
#[derive(Debug)]
pub(crate) struct Shown {
    provider: Arc<CryptoProvider>,
    current: Mutex<Arc<CertifiedKey>>,
}

impl Shown {
    fn new(provider: Arc<CryptoProvider>, certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let current = Mutex::new(certified(&provider, certificate, key)?);
        Ok(Self { provider, current })
    }

    /// Shows another certificate from now on, of PEM texts. One that cannot be used changes nothing.
    pub(crate) fn change(&self, certificate: &[u8], key: &[u8]) -> Result<(), Error> {
        let next = certified(&self.provider, certificate, key)?;
        *lock(&self.current) = next;
        Ok(())
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&lock(&self.current)))
    }
}

/// A chain and its key, which are found to belong together.
fn certified(provider: &CryptoProvider, certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, Error> {
    let chain = certificates(certificate, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| broken("the key", &error))?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| broken("the certificate and its key", &error))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| broken(what, &error))?;
    if found.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{what} holds no PEM certificate")));
    }
    Ok(found)
}

fn broken(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{what} cannot be used: {error}"))
}

/// Whether both sides agreed on HTTP/2: gRPC has nothing else.
pub(crate) fn agreed(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// The certificate that the caller showed, and that was found good.
pub(crate) fn certificate(stream: &TlsStream<TcpStream>) -> Option<&[u8]> {
    Some(stream.get_ref().1.peer_certificates()?.first()?.as_ref())
}
