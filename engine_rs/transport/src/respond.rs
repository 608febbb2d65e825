//! What goes out: response headers, messages, trailers.

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::frame::framed;
use crate::handler::Reply;
use crate::metadata::binary_value;
use crate::status::{Code, Status, beginning, percent_encoded};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain");
const ONLY_GRPC: &[u8] = b"Here is a gRPC server: POST application/grpc.\n";
/// Callers take eight kibibytes of headers by default: words are cut so that they fit, details that do not are left out.
const MESSAGE_MAX: usize = 2_048;
const DETAILS_MAX: usize = 8_192;

fn number(code: Code) -> HeaderValue {
    const NUMBERS: [&str; 17] =
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];
    HeaderValue::from_static(NUMBERS[code as usize])
}

/// Adds how a call ended.
fn add_status(headers: &mut HeaderMap, status: &Status) {
    headers.insert(GRPC_STATUS, number(status.code));
    if !status.message.is_empty() {
        let words = percent_encoded(beginning(&status.message, MESSAGE_MAX));
        headers.insert(GRPC_MESSAGE, HeaderValue::try_from(words).expect("what is encoded is ASCII"));
    }
    if !status.details.is_empty() && status.details.len() <= DETAILS_MAX {
        headers.insert(GRPC_DETAILS, binary_value(&status.details));
    }
}

/// Headers that begin a response, with the handler's own; `compressed` messages may follow.
pub(crate) fn head(initial: HeaderMap, compressed: bool) -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    *headers = initial;
    headers.insert(CONTENT_TYPE, GRPC);
    if compressed {
        headers.insert(GRPC_ENCODING, GZIP);
    }
    response
}

/// Trailers that end one, with the handler's own.
pub(crate) fn trailers(status: &Status, mut trailing: HeaderMap) -> HeaderMap {
    add_status(&mut trailing, status);
    trailing
}

/// Ends a call that no message went out of: everything in one frame.
pub(crate) fn refuse(
    respond: &mut SendResponse<Bytes>,
    status: &Status,
    trailing: HeaderMap,
) -> Result<(), h2::Error> {
    let mut response = head(trailing, false);
    add_status(response.headers_mut(), status);
    respond.send_response(response, true).map(drop)
}

/// A response of trailers alone.
pub(crate) fn only(trailers: HeaderMap) -> Response<()> {
    head(trailers, false)
}

/// Refuses an encoding, and says which ones are known.
pub(crate) fn refuse_encoding(respond: &mut SendResponse<Bytes>, status: &Status) -> Result<(), h2::Error> {
    let mut known = HeaderMap::with_capacity(1);
    known.insert(GRPC_ACCEPT_ENCODING, ENCODINGS);
    refuse(respond, status, known)
}

/// Answers what is no gRPC at all.
pub(crate) fn refuse_http(respond: &mut SendResponse<Bytes>, code: StatusCode) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    // For people: programs have the status.
    respond.send_response(response, false)?.send_data(Bytes::from_static(ONLY_GRPC), true)
}

/// A message for which its caller has no room yet, and what comes after it.
pub(crate) struct Held {
    pub(crate) stream: SendStream<Bytes>,
    pub(crate) parts: [Bytes; 2],
    pub(crate) trailers: HeaderMap,
}

impl Held {
    /// Bytes of the message.
    pub(crate) fn length(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// Sends the whole answer of a call, or its head when the caller has no room for the message now.
pub(crate) fn whole(
    respond: &mut SendResponse<Bytes>,
    reply: Reply,
    compress_from: Option<usize>,
) -> Result<(Status, Option<Held>), h2::Error> {
    let (initial, trailing) =
        reply.extra.map_or_else(Default::default, |extra| (extra.initial, extra.trailing));
    match reply.result {
        Ok(message) => {
            let compress = compress_from.is_some_and(|from| message.len() >= from);
            let mut stream = respond.send_response(head(initial, compress), false)?;
            let (first, rest) = framed(message, compress);
            let trailers = trailers(&Status::OK, trailing);
            let length = first.len() + rest.as_ref().map_or(0, Bytes::len);
            stream.reserve_capacity(length);
            if stream.capacity() < length {
                let parts = [first, rest.unwrap_or_default()];
                return Ok((Status::OK, Some(Held { stream, parts, trailers })));
            }
            send(&mut stream, first, rest)?;
            stream.send_trailers(trailers)?;
            Ok((Status::OK, None))
        }
        Err(status) if initial.is_empty() => {
            refuse(respond, &status, trailing)?;
            Ok((status, None))
        }
        Err(status) => {
            let mut stream = respond.send_response(head(initial, false), false)?;
            stream.send_trailers(trailers(&status, trailing))?;
            Ok((status, None))
        }
    }
}

fn send(stream: &mut SendStream<Bytes>, first: Bytes, rest: Option<Bytes>) -> Result<(), h2::Error> {
    stream.send_data(first, false)?;
    rest.map_or(Ok(()), |rest| stream.send_data(rest, false))
}
