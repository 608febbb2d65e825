//! Requests of the contract become commands of the core. No rule stands here: numbers and codes pass unchecked, what is
//! unset becomes empty, and the core names the field that is wrong. Only what a command cannot hold is refused:
//! bytes that are no such message, a request id that is no UUID, a time beyond the calendar.

mod admin;
mod booking;
mod bounds;
mod catalogue;
mod customer;
mod print;
mod reconciliation;
mod shipping;
mod stock;
mod till;

pub(crate) use booking::booking_input;
pub(crate) use till::till_sale_input;

use std::fmt::Arguments;

use kasir_core::command::{Command, MoneyInput};
use kasir_core::records::Address;
use kasir_core::{Reason, Refusal};
use prost::Message;
use prost_types::{Duration, Timestamp};

use crate::contract as pb;

/// A client-made UUID.
pub(crate) type RequestId = [u8; 16];

/// A request that the writer decides on.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) request_id: RequestId,
    pub(crate) command: Command,
}

/// A message that asks for a change.
pub(crate) trait CommandRequest: Message + Default {
    /// Its name in the contract.
    const NAME: &'static str;

    /// The client's id of this request.
    fn request_id(&self) -> &str;

    /// What is asked.
    fn into_command(self) -> Result<Command, Refusal>;
}

/// Says for each request message which command it is: `Message => |request| command`, where `command` may use `?`.
macro_rules! commands {
    ($($name:ident => |$request:ident| $command:expr;)*) => {$(
        impl crate::from_proto::CommandRequest for crate::contract::$name {
            const NAME: &'static str = concat!("kasir.v1.", stringify!($name));

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn into_command(self) -> Result<kasir_core::Command, kasir_core::Refusal> {
                let $request = self;
                Ok($command)
            }
        }
    )*};
}
use commands;

/// Reads a request for a change.
pub(crate) fn request<R: CommandRequest>(body: &[u8]) -> Result<Request, Refusal> {
    let message: R = message(R::NAME, body)?;
    let request_id = request_id(message.request_id())?;
    Ok(Request { request_id, command: message.into_command()? })
}

/// Reads a message, or refuses bytes that are not it.
pub(crate) fn message<M: Message + Default>(name: &str, body: &[u8]) -> Result<M, Refusal> {
    bounds::check(body)?;
    M::decode(body).map_err(|error| {
        Refusal::new(Reason::MessageMalformed, format!("The bytes sent are no {name}: {error}."))
            .with("expected", name)
    })
}

/// Reads a UUID: 32 hex digits, as RFC 9562 writes them with dashes or without any.
fn request_id(text: &str) -> Result<RequestId, Refusal> {
    const FIELD: &str = "request_id";
    if text.is_empty() {
        return Err(Refusal::field(
            Reason::FieldRequired,
            FIELD,
            "Every change needs a request_id: a new UUID, kept until the reply is there.",
        ));
    }
    parse_uuid(text.as_bytes())
        .ok_or_else(|| Refusal::field(Reason::FieldMalformed, FIELD, "The request_id is not a UUID."))
}

fn parse_uuid(text: &[u8]) -> Option<RequestId> {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let dashed = text.len() == 36;
    if !dashed && text.len() != 32 || dashed && DASHES.iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits =
        text.iter().enumerate().filter(|(at, _)| !dashed || !DASHES.contains(at)).map(|(_, digit)| *digit);
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = hex_digit(digits.next()?)? << 4 | hex_digit(digits.next()?)?;
    }
    Some(id)
}

/// The value of a hex digit of either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what a Timestamp may hold.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About 10,000 years either way: what a Duration may hold.
const DURATION_SECONDS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;
/// Parts of a second in a Duration.
const DURATION_NANOS: std::ops::RangeInclusive<i32> = -999_999_999..=999_999_999;
/// Parts of a second in a Timestamp, which count forward before 1970 too.
const TIMESTAMP_NANOS: std::ops::RangeInclusive<i32> = 0..=999_999_999;
const NANOS_PER_MS: i64 = 1_000_000;
const MS_PER_SECOND: i64 = 1_000;

/// A point in time as Unix milliseconds (finer parts are cut), or none when it is unset.
fn instant(time: Option<Timestamp>, field: Arguments<'_>) -> Result<Option<i64>, Refusal> {
    let Some(Timestamp { seconds, nanos }) = time else { return Ok(None) };
    if !TIMESTAMP_SECONDS.contains(&seconds) || !TIMESTAMP_NANOS.contains(&nanos) {
        return Err(malformed(field, "is no point in time between the years 1 and 9999"));
    }
    Ok(Some(seconds * MS_PER_SECOND + i64::from(nanos) / NANOS_PER_MS))
}

/// A span of time in milliseconds (finer parts are cut); unset is 0.
fn span_ms(span: Option<Duration>, field: Arguments<'_>) -> Result<i64, Refusal> {
    let Duration { seconds, nanos } = span.unwrap_or_default();
    let signs_differ = seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0;
    if !DURATION_SECONDS.contains(&seconds) || !DURATION_NANOS.contains(&nanos) || signs_differ {
        return Err(malformed(field, "is no span of time"));
    }
    Ok(seconds * MS_PER_SECOND + i64::from(nanos) / NANOS_PER_MS)
}

fn malformed(field: Arguments<'_>, problem: &str) -> Refusal {
    let field = field.to_string();
    Refusal::field(Reason::FieldMalformed, &field, format!("{field} {problem}."))
}

/// Newtype ids of a list of numbers.
fn ids<T>(numbers: Vec<u64>, id: impl Fn(u64) -> T) -> Vec<T> {
    numbers.into_iter().map(id).collect()
}

/// Elements of a list as the core's inputs.
fn all<T, U: From<T>>(elements: Vec<T>) -> Vec<U> {
    elements.into_iter().map(U::from).collect()
}

impl From<pb::Money> for MoneyInput {
    fn from(money: pb::Money) -> Self {
        Self { currency_code: money.currency_code, minor_units: money.minor_units }
    }
}

impl From<pb::Address> for Address {
    fn from(address: pb::Address) -> Self {
        Self {
            recipient: address.recipient,
            phone: address.phone,
            street: address.street,
            district: address.district,
            city: address.city,
            province: address.province,
            postal_code: address.postal_code,
            country_code: address.country_code,
        }
    }
}

#[cfg(test)]
mod tests;
