//! From a refusal to what goes over the wire: google.rpc.Status with its details (AIP-193).

use std::borrow::Cow;
use std::collections::BTreeMap;

use kasir_transport::{Code, Status, beginning};
use prost::Message;

use crate::failure::Failure;

/// Domain of our reasons.
const DOMAIN: &str = "kasir";
/// Trailers share HTTP/2's header limit (8 KiB by default), and the details hold the message a second time.
pub(crate) const MESSAGE_MAX: usize = 500;
const DETAILS_MAX: usize = 3_000;
/// The path of a field, in characters. It stands among the facts too.
const FIELD_MAX: usize = 200;
/// Two facts have a message of their own beside their place among the facts.
const FIELD: &str = "field";
const RETRY_MS: &str = "retry_ms";

/// The messages of google/rpc/status.proto and google/rpc/error_details.proto, as far as they are sent.
mod rpc {
    use std::collections::BTreeMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Status {
        #[prost(int32, tag = "1")]
        pub(super) code: i32,
        #[prost(string, tag = "2")]
        pub(super) message: String,
        #[prost(message, repeated, tag = "3")]
        pub(super) details: Vec<prost_types::Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ErrorInfo {
        #[prost(string, tag = "1")]
        pub(super) reason: String,
        #[prost(string, tag = "2")]
        pub(super) domain: String,
        #[prost(btree_map = "string, string", tag = "3")]
        pub(super) metadata: BTreeMap<String, String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct BadRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) field_violations: Vec<FieldViolation>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct FieldViolation {
        #[prost(string, tag = "1")]
        pub(super) field: String,
        #[prost(string, tag = "2")]
        pub(super) description: String,
        #[prost(string, tag = "3")]
        pub(super) reason: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        pub(super) retry_delay: Option<prost_types::Duration>,
    }
}

/// At most so many characters, an ellipsis where some are missing.
fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = text.char_indices().nth(limit - 1).map_or(text.len(), |(place, _)| place);
    Cow::Owned(format!("{}…", &text[..kept]))
}

/// As many of the facts as fit, in their order; a long one is cut, never dropped for the sake of a later one.
fn bounded<'a>(details: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    let mut room = DETAILS_MAX;
    for (name, value) in details {
        if name.len() >= room {
            break;
        }
        room -= name.len();
        let value = beginning(value, room);
        room -= value.len();
        kept.insert(name.to_owned(), value.to_owned());
    }
    kept
}

fn packed<M: Message>(name: &str, message: &M) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value: message.encode_to_vec(),
    }
}

/// ErrorInfo with reason, domain "kasir" and all details; BadRequest for a named field; RetryInfo for a retry time.
pub(crate) fn status<'a>(
    code: Code,
    reason: Cow<'static, str>,
    message: &str,
    details: &(impl Iterator<Item = (&'a str, &'a str)> + Clone),
) -> Status {
    let message = cut(message, MESSAGE_MAX).into_owned();
    let fact = |wanted| details.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let info = rpc::ErrorInfo {
        reason: reason.to_string(),
        domain: DOMAIN.to_owned(),
        metadata: bounded(details.clone()),
    };
    let mut packages = vec![packed("ErrorInfo", &info)];
    if let Some(field) = fact(FIELD) {
        let violation = rpc::FieldViolation {
            field: cut(field, FIELD_MAX).into_owned(),
            description: message.clone(),
            reason: reason.to_string(),
        };
        packages.push(packed("BadRequest", &rpc::BadRequest { field_violations: vec![violation] }));
    }
    if let Some(millis) = fact(RETRY_MS).and_then(|text| text.parse::<u64>().ok()) {
        let delay = std::time::Duration::from_millis(millis);
        let delay = prost_types::Duration::try_from(delay).unwrap_or_default();
        packages.push(packed("RetryInfo", &rpc::RetryInfo { retry_delay: Some(delay) }));
    }
    let whole = rpc::Status { code: i32::from(code as u8), message: message.clone(), details: packages };
    Status { code, message: message.into(), reason, details: whole.encode_to_vec().into() }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let details = failure.details.iter().map(|(name, value)| (*name, value.as_str()));
        let code = Code::from_number(failure.code).unwrap_or(Code::Unknown);
        status(code, Cow::Borrowed(failure.reason), &failure.message, &details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: &Status) -> rpc::Status {
        rpc::Status::decode(status.details.clone()).unwrap()
    }

    fn made(message: &str, details: &[(&str, &str)]) -> Status {
        status(Code::InvalidArgument, "REASON".into(), message, &details.iter().copied())
    }

    #[test]
    fn a_field_and_a_retry_time_have_messages_of_their_own() {
        let whole = read(&made("Wrong.", &[("field", "a.b"), ("retry_ms", "1500")]));
        let kinds: Vec<&str> = whole.details.iter().map(|package| package.type_url.as_str()).collect();
        assert_eq!(
            kinds,
            ["ErrorInfo", "BadRequest", "RetryInfo"]
                .map(|kind| format!("type.googleapis.com/google.rpc.{kind}"))
        );
        let retry = rpc::RetryInfo::decode(&whole.details[2].value[..]).unwrap().retry_delay.unwrap();
        assert_eq!((retry.seconds, retry.nanos), (1, 500_000_000));
        assert_eq!(read(&made("Wrong.", &[])).details.len(), 1);
    }

    #[test]
    fn words_and_facts_are_bounded() {
        let long = "é".repeat(10_000);
        let status = made(&long, &[("field", &long), ("first", &long), ("second", &long)]);
        assert_eq!(status.message.chars().count(), MESSAGE_MAX);
        assert!(status.message.ends_with('…'));
        assert!(status.details.len() < 8_192 / 4 * 3, "{}", status.details.len());
    }

    #[test]
    fn a_short_text_is_not_cut() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}
