//! What travels beside the messages: names and values of a call's metadata, and its deadline.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::NO_PAD};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Names that end so carry bytes, in base64.
const BINARY_SUFFIX: &str = "-bin";
/// Names that belong to gRPC and HTTP: a handler neither sees nor sends them.
const RESERVED: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
];
const RESERVED_PREFIX: &str = "grpc-";
/// Digits that a timeout may have.
const TIMEOUT_DIGITS: usize = 8;
/// The longest time that counts; what is longer is as good as none.
const TIMEOUT_MAX: Duration = Duration::from_secs(100 * 24 * 3_600);

/// Sent without padding, taken with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    NO_PAD_CONFIG
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const NO_PAD_CONFIG: GeneralPurposeConfig = NO_PAD;

/// Names and values as a handler gives them, in order; a name may come more than once.
pub type Metadata = Vec<(String, Vec<u8>)>;

/// Whether values of this name are bytes.
pub fn is_binary(name: &str) -> bool {
    name.ends_with(BINARY_SUFFIX)
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED_PREFIX) || RESERVED.contains(&name)
}

/// The values of one name of a request, bytes decoded; one that is no base64 is left out.
pub fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let binary = is_binary(name);
    headers.get_all(name).iter().flat_map(move |value| decoded(value.as_bytes(), binary))
}

/// All metadata of a request that a handler is to see.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, Vec<u8>)> {
    headers.iter().filter(|(name, _)| !is_reserved(name.as_str())).flat_map(|(name, value)| {
        let name = name.as_str();
        decoded(value.as_bytes(), is_binary(name)).into_iter().map(move |value| (name, value))
    })
}

/// Several values of one binary name may have been joined with commas on the way.
fn decoded(value: &[u8], binary: bool) -> Vec<Vec<u8>> {
    if !binary {
        return vec![value.to_vec()];
    }
    let parts = value.split(|byte| *byte == b',');
    parts.filter_map(|part| BASE64.decode(part.trim_ascii()).ok()).collect()
}

/// Bytes as a binary header carries them.
pub(crate) fn binary_value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::try_from(BASE64.encode(bytes)).expect("base64 is ASCII")
}

/// Why metadata of a handler cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataError(String);

impl std::fmt::Display for MetadataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MetadataError {}

/// Metadata of a handler as headers.
///
/// # Errors
/// A name that is reserved or has other than lower-case letters, digits, `_`, `-` and `.`; a value of a name without
/// `-bin` that has other than printable ASCII.
pub fn headers(metadata: &Metadata) -> Result<HeaderMap, MetadataError> {
    let mut headers = HeaderMap::with_capacity(metadata.len());
    for (name, value) in metadata {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) || is_reserved(name) {
            return Err(MetadataError(format!("{name:?} is no name that a handler may send.")));
        }
        let refused = || MetadataError(format!("The value of {name} is not printable ASCII."));
        let value = if is_binary(name) {
            binary_value(value)
        } else if value.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            HeaderValue::from_bytes(value).map_err(|_| refused())?
        } else {
            return Err(refused());
        };
        headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?, value);
    }
    Ok(headers)
}

/// Reads `grpc-timeout`: at most eight digits and a unit. `None` when it is none.
pub(crate) fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0_u64, |amount, digit| amount * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(amount * 3_600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(timeout.min(TIMEOUT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in entries {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn bytes_are_taken_with_and_without_padding_and_joined() {
        let map = map(&[("trace-bin", "AQ==,AQI"), ("trace-bin", "AQID, !"), ("plain", "a,b")]);
        let found: Vec<Vec<u8>> = values(&map, "trace-bin").collect();
        assert_eq!(found, [vec![1], vec![1, 2], vec![1, 2, 3]]);
        assert_eq!(values(&map, "plain").collect::<Vec<_>>(), [b"a,b"]);
        assert_eq!(values(&map, "absent").count(), 0);
    }

    #[test]
    fn a_handler_does_not_see_what_is_grpcs() {
        let map = map(&[("te", "trailers"), ("grpc-timeout", "1S"), ("kasir-actor", "sari")]);
        assert_eq!(pairs(&map).collect::<Vec<_>>(), [("kasir-actor", b"sari".to_vec())]);
    }

    #[test]
    fn a_handler_sends_bytes_and_words() {
        let sent = headers(&vec![("trace-bin".into(), vec![0xff, 0, 1, 2]), ("note".into(), b"so".to_vec())])
            .unwrap();
        assert_eq!(sent["trace-bin"], "/wABAg");
        assert_eq!(sent["note"], "so");
    }

    #[test]
    fn a_handler_does_not_send_what_it_may_not() {
        for (name, value) in [
            ("", "x"),
            (":path", "/"),
            ("grpc-status", "0"),
            ("content-type", "text/html"),
            ("Upper", "x"),
            ("a b", "x"),
            ("note", "\u{e9}"),
            ("note", "a\nb"),
        ] {
            assert!(headers(&vec![(name.into(), value.into())]).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn timeouts_have_a_unit() {
        for (text, millis) in [
            ("1H", 3_600_000),
            ("2M", 120_000),
            ("3S", 3_000),
            ("45m", 45),
            ("6000u", 6),
            ("7000000n", 7),
            ("0m", 0),
            ("99999999H", 100 * 24 * 3_600_000),
        ] {
            assert_eq!(timeout(text.as_bytes()), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "1", "S", "-1S", "1.5S", "123456789m", "1x", " 1S"] {
            assert_eq!(timeout(text.as_bytes()), None, "{text}");
        }
    }
}
