//! What whoever runs a server decides. Every bound has a default.

use std::time::Duration;

use http::HeaderMap;

use crate::handler::{Admission, Caller, Identity, Peer};
use crate::status::{Code, Status};

/// Bounds and times of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads that carry connections.
    pub workers: usize,
    /// Connections open at once; more are closed as they come.
    pub max_connections: usize,
    /// Calls that one connection may have in progress.
    pub max_streams: u32,
    /// Calls in progress over all connections; more end with RESOURCE_EXHAUSTED. Streams may be half of them, and calls
    /// whose request has not come whole a quarter: of these the oldest make room.
    pub max_calls: usize,
    /// Time in which the one message of a request has to come whole.
    pub request_timeout: Duration,
    /// Requests of one [`crate::Exchange`] call that may be without an answer; beyond, no more are read.
    pub max_under_way: usize,
    /// Bytes of one message of a caller, after decompression too.
    pub max_receive_bytes: usize,
    /// Bytes of one message of a handler.
    pub max_send_bytes: usize,
    /// Bytes of the headers of one call.
    pub max_header_bytes: u32,
    /// An open connection is asked for life so often.
    pub keepalive: Duration,
    /// It is closed when it does not answer for so long.
    pub keepalive_timeout: Duration,
    /// Time for TLS and the first bytes of HTTP/2.
    pub handshake_timeout: Duration,
    /// Replies of this size and more are compressed for who takes gzip; `None`: none are.
    pub compress_from: Option<usize>,
    /// Of a million calls whose callers say nothing of a trace, so many are traced; besides those whose callers say so.
    /// `None`: none are.
    pub traced_of_million: Option<u32>,
    /// Certificates; `None`: plain TCP.
    pub tls: Option<Tls>,
}

/// PEM texts.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate chain.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// Callers must show a certificate of one of these authorities.
    pub client_authorities: Option<Vec<u8>>,
    /// They need not, but what they show must be of one of these.
    pub client_optional: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is not for logs.
        f.debug_struct("Tls")
            .field("client_authorities", &self.client_authorities.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 1,
            max_connections: 4_096,
            max_streams: 1_024,
            max_calls: 10_000,
            request_timeout: Duration::from_secs(30),
            max_under_way: 1_024,
            max_receive_bytes: 4 * 1024 * 1024,
            max_send_bytes: 64 * 1024 * 1024,
            max_header_bytes: 16 * 1024,
            keepalive: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            handshake_timeout: Duration::from_secs(10),
            compress_from: None,
            traced_of_million: None,
            tls: None,
        }
    }
}

/// A call that asks to be let in.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its method's place in the table.
    pub method: usize,
    /// All of its headers.
    pub headers: &'a HeaderMap,
    /// Where from, and by which certificate.
    pub peer: &'a Peer,
}

/// What a server says of its own accord, and whom it lets in.
pub trait Policy: Send + Sync {
    /// What a caller's certificate is remembered by, of the DER bytes that TLS found good; asked once a connection.
    fn identify(&self, certificate: &[u8]) -> Option<Identity> {
        let _ = certificate;
        None
    }

    /// Who calls, and what that allows; or the refusal, before anything of the request is read.
    ///
    /// # Errors
    /// The status that the call ends with.
    fn admit(&self, asked: &Asked<'_>) -> Result<Admission, Status> {
        let _ = asked;
        Ok(Admission { caller: Caller::Borrowed(""), grant: None })
    }

    /// Who a call is counted and logged for that [`Policy::admit`] refused.
    fn nobody(&self) -> Caller {
        Caller::Borrowed("")
    }

    /// A message of so many bytes, at least, where at most `limit` are taken.
    fn too_large(&self, bytes: usize, limit: usize) -> Status {
        Status::new(
            Code::ResourceExhausted,
            format!("The message has {bytes} bytes, which is larger than max ({limit})."),
        )
    }

    /// `limit` calls are in progress already.
    fn too_many_calls(&self, limit: usize) -> Status {
        Status::new(Code::ResourceExhausted, format!("{limit} calls are in progress already."))
    }

    /// The server stops, and reads no more requests of a call that has sent some.
    fn stopping(&self) -> Status {
        Status::new(Code::Unavailable, "The server is stopping.")
    }

    /// A handler ended without an answer, or broke.
    fn fault(&self) -> Status {
        Status::new(Code::Internal, "The server made a mistake.")
    }
}

/// A server that knows no callers.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainPolicy;

impl Policy for PlainPolicy {}
