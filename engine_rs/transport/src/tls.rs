//! TLS 1.2 and 1.3 with HTTP/2 agreed on, and callers' certificates where they are asked for.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::Tls;

const HTTP2: &[u8] = b"h2";

/// What takes TLS connections.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&tls.certificate, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&tls.key).map_err(|error| broken("the key", &error))?;
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
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| broken("the certificate and its key", &error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
