//! The engine's methods as the server calls them, and what the server says of its own accord. No thread here ever takes
//! the GIL.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use kasir_transport::metadata::values;
use kasir_transport::{
    Admission, Asked, Caller, Code, Handler, Identity, Info, Method, Native, Policy, Reply, Status, Ticket,
};

use crate::access::{Access, grant_of, hash};
use crate::delivery::Address;
use crate::engine::Engine;
use crate::giver::Giver;
use crate::methods::{COMMANDS, CommandMethod, QUERIES, QueryMethod};
use crate::status::status;
use crate::stream_commands::{self, StreamCommands};

/// The metadata that names the member of staff who calls.
pub(crate) const ACTOR_KEY: &str = "kasir-actor";
/// Who calls when nobody is named.
const ANONYMOUS: Caller = Cow::Borrowed("anonymous");
/// Who matches by itself (server/reconciler.py): the server tells by the name what it did itself.
const MATCHER: &str = "kasir-matcher";
/// Longest name, in characters.
const ACTOR_MAX: usize = 64;

/// What the server refuses before a method is asked; `docs/refusals.md` is made from these rows too.
macro_rules! refusals {
    ($($name:ident = $text:literal $code:ident $meaning:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Refused { $(#[doc = $meaning] $name,)* }

        impl Refused {
            const fn reason(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }
        }
    };
}

refusals! {
    ActorMalformed = "ACTOR_MALFORMED" InvalidArgument "The user name in kasir-actor is empty, too long or cannot be printed.";
    ActorReserved = "ACTOR_RESERVED" InvalidArgument "The user name in kasir-actor is the server's own.";
    ActorMismatch = "ACTOR_MISMATCH" PermissionDenied "kasir-actor names somebody else than who is logged in.";
    DeviceUnknown = "DEVICE_UNKNOWN" Unauthenticated "The device has no certificate of this shop, or a revoked or expired one.";
    LocationDenied = "LOCATION_DENIED" PermissionDenied "Who calls does not work at the location of the call.";
    RateExceeded = "RATE_EXCEEDED" ResourceExhausted "Who calls makes too many calls a second.";
    RoleMissing = "ROLE_MISSING" PermissionDenied "None of the roles of who calls may call the method.";
    SessionRequired = "SESSION_REQUIRED" Unauthenticated "Nobody is logged in at the device, or the session is over.";
    Internal = "INTERNAL" Internal "The program is at fault; the server's log says more.";
    ServerStopping = "SERVER_STOPPING" Unavailable "The server goes down; what was accepted is still answered.";
    MessageTooLarge = "MESSAGE_TOO_LARGE" ResourceExhausted "The message is larger than the method takes.";
    TooManyCalls = "TOO_MANY_CALLS" ResourceExhausted "So many calls are in progress already.";
}

struct Command {
    engine: Arc<Engine>,
    method: &'static CommandMethod,
}

impl Native for Command {
    fn call(&self, call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply> {
        if let Err(refused) = check_places(call, &request) {
            ticket.forget();
            return Some(Err(refused).into());
        }
        let giver = Giver::of(call.grant.as_ref(), call.method, call.peer.ip());
        let address = Address::Call(ticket, giver, call.trace.clone());
        let submitted = self.engine.submit_to(self.method, &request, &call.caller, address);
        submitted.err().map(|failure| Err(failure.into()).into())
    }
}

struct Query {
    engine: Arc<Engine>,
    method: &'static QueryMethod,
}

impl Native for Query {
    fn call(&self, call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply> {
        ticket.forget();
        if let Err(refused) = check_places(call, &request) {
            return Some(Err(refused).into());
        }
        let answer = self.engine.answer(self.method, &request);
        if let Some(trace) = &call.trace {
            trace.passed("query", Instant::now());
        }
        Some(answer.map(Bytes::from).map_err(Status::from).into())
    }
}

/// Refuses a request that takes place where its caller does not work.
pub(crate) fn check_places(call: &Info, request: &[u8]) -> Result<(), Status> {
    grant_of(call.grant.as_ref()).map_or(Ok(()), |grant| grant.check_places(call.method, request))
}

/// Every method that the engine answers.
pub(crate) fn methods(engine: &Arc<Engine>) -> impl Iterator<Item = Method> {
    let commands = COMMANDS.iter().map(|method| {
        let native: Arc<dyn Native> = Arc::new(Command { engine: Arc::clone(engine), method });
        (method.name, native)
    });
    let queries = QUERIES.iter().map(|method| {
        let native: Arc<dyn Native> = Arc::new(Query { engine: Arc::clone(engine), method });
        (method.name, native)
    });
    let stream = Method {
        name: stream_commands::NAME.to_owned(),
        handler: Handler::Exchange(Arc::new(StreamCommands::new(engine))),
    };
    commands
        .chain(queries)
        .map(|(name, native)| Method { name: name.to_owned(), handler: Handler::Native(native) })
        .chain([stream])
}

/// Kasir's words, and its callers: who calls is a member of staff.
#[derive(Default)]
pub(crate) struct ShopPolicy {
    /// Who is let in; `None`: everybody, under the name that each gives.
    pub(crate) access: Option<Arc<Access>>,
}

impl ShopPolicy {
    /// The name that a caller gives.
    fn caller(headers: &HeaderMap) -> Result<Caller, Status> {
        let Some(given) = values(headers, ACTOR_KEY).next() else { return Ok(ANONYMOUS) };
        let name = String::from_utf8_lossy(&given);
        if name.chars().take(ACTOR_MAX + 1).count() > ACTOR_MAX
            || name.trim().is_empty()
            || !is_printable(&name)
        {
            let message =
                format!("The user name in {ACTOR_KEY} must have 1 to {ACTOR_MAX} printable characters.");
            return Err(said(Refused::ActorMalformed, &message, &[("field", ACTOR_KEY)]));
        }
        if name.trim().eq_ignore_ascii_case(MATCHER) {
            let message =
                format!("{MATCHER} is the server's own name in the journal; {ACTOR_KEY} needs another.");
            return Err(said(Refused::ActorReserved, &message, &[("field", ACTOR_KEY)]));
        }
        Ok(name.into_owned().into())
    }
}

impl Policy for ShopPolicy {
    fn identify(&self, certificate: &[u8]) -> Option<Identity> {
        self.access.is_some().then(|| hash(certificate))
    }

    fn admit(&self, asked: &Asked<'_>) -> Result<Admission, Status> {
        match &self.access {
            Some(access) => access.admit(asked),
            None => Ok(Admission { caller: Self::caller(asked.headers)?, grant: None }),
        }
    }

    fn nobody(&self) -> Caller {
        ANONYMOUS
    }

    fn too_large(&self, bytes: usize, limit: usize) -> Status {
        let (has, most) = (grouped(bytes), grouped(limit));
        let message =
            format!("The message has {has} bytes; at most {most} are taken. Send less in one call.");
        let details = [("bytes", &*bytes.to_string()), ("limit", &*limit.to_string())];
        said(Refused::MessageTooLarge, &message, &details)
    }

    fn too_many_calls(&self, limit: usize) -> Status {
        let message = format!("{} calls are in progress already. Try again in a moment.", grouped(limit));
        let details = [("limit", &*limit.to_string()), ("retry_ms", RETRY_MS)];
        said(Refused::TooManyCalls, &message, &details)
    }

    fn stopping(&self) -> Status {
        let message = "The server is stopping. Connect again, and send again what has no answer.";
        said(Refused::ServerStopping, message, &[("retry_ms", RETRY_MS)])
    }

    fn fault(&self) -> Status {
        said(Refused::Internal, FAULT, &[])
    }
}

/// After so many milliseconds there may be room for a call again, or a server.
const RETRY_MS: &str = "1000";
const FAULT: &str = "The server made a mistake; its log says which. To learn whether a command took effect, send it again \
                     with the same request_id.";

pub(crate) fn said(refused: Refused, message: &str, details: &[(&str, &str)]) -> Status {
    status(refused.code(), Cow::Borrowed(refused.reason()), message, &details.iter().copied())
}

/// A number with a comma before every three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Whether every character leaves a mark, or is a plain space: neither control nor format, no other space.
fn is_printable(text: &str) -> bool {
    text.chars().all(|character| {
        character == ' ' || !(character.is_control() || character.is_whitespace() || is_format(character))
    })
}

/// Characters of Unicode's category Cf that a name could carry unseen.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(given: Option<&[u8]>) -> Result<Caller, Status> {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(ACTOR_KEY, HeaderValue::from_bytes(given).unwrap());
        }
        ShopPolicy::caller(&headers)
    }

    #[test]
    fn who_calls() {
        let long = "a".repeat(ACTOR_MAX);
        for name in ["sari", "Bu Sari", "Zoë", long.as_str()] {
            assert_eq!(caller(Some(name.as_bytes())).unwrap(), name);
        }
        assert_eq!(caller(None).unwrap(), "anonymous");
    }

    #[test]
    fn who_cannot_be() {
        let long = "x".repeat(ACTOR_MAX + 1);
        for name in ["", "  ", "a\tb", "a\u{200b}b", "\u{a0}", long.as_str()] {
            let refused = caller(Some(name.as_bytes())).unwrap_err();
            assert_eq!(
                (refused.code, &*refused.reason),
                (Code::InvalidArgument, "ACTOR_MALFORMED"),
                "{name:?}"
            );
        }
    }

    #[test]
    fn nobody_is_the_matcher() {
        for name in ["kasir-matcher", "Kasir-Matcher", " kasir-matcher "] {
            let refused = caller(Some(name.as_bytes())).unwrap_err();
            assert_eq!(
                (refused.code, &*refused.reason),
                (Code::InvalidArgument, "ACTOR_RESERVED"),
                "{name:?}"
            );
        }
        assert_eq!(caller(Some(b"kasir-matcher-2")).unwrap(), "kasir-matcher-2");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 4_194_304].map(grouped), ["0", "999", "1,000", "4,194,304"]);
    }
}
