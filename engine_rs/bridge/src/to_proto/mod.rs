//! Records and replies of the core become messages of the contract. Amounts get their record's currency, states their
//! number, times their Timestamp.

mod admin;
mod booking;
mod catalogue;
mod customer;
mod journal;
mod print;
mod reconciliation;
mod report;
mod sale;
mod shipping;
mod stock;

pub(crate) use customer::customer;
pub(crate) use journal::{JournalPage, asked_kinds, asked_revision};

use kasir_core::money::{Currency, Money};
use kasir_core::records::Address;
use kasir_core::{Fault, Refusal, Reply, View};
use prost::Message;
use prost_types::{Duration, Timestamp};

use crate::contract as pb;
use crate::failure::Failure;

/// A message that answers a change.
pub(crate) trait CommandResponse: Message + Sized {
    /// What the caller is told, from what the core answers. Fails when the core answered something else.
    fn from_reply(reply: Reply, view: &dyn View) -> Result<Self, Fault>;
}

/// Says for each response message which reply it is made of: `Message = Reply::Kind(record) => message`.
macro_rules! responses {
    ($($name:ident = $reply:pat => $message:expr;)*) => {$(
        crate::to_proto::response!($name, $reply, _view, $message);
    )*};
}
use responses;

/// The same for one response whose message needs more than its reply holds, and reads it from the view.
macro_rules! response {
    ($name:ident, $reply:pat, $view:ident, $message:expr) => {
        impl crate::to_proto::CommandResponse for crate::contract::$name {
            fn from_reply(
                reply: kasir_core::Reply,
                $view: &dyn kasir_core::View,
            ) -> Result<Self, kasir_core::Fault> {
                match reply {
                    $reply => Ok($message),
                    other => Err(crate::to_proto::unexpected(stringify!($name), &other)),
                }
            }
        }
    };
}
use response;

/// The core answered something that this response does not tell: a bug, found before anything is committed.
fn unexpected(response: &str, reply: &Reply) -> Fault {
    let reply = format!("{reply:?}");
    let kind = reply.split(['(', ' ']).next().unwrap_or_default();
    Fault::Corrupt(format!("a command that is answered with {response} was answered with {kind}"))
}

/// The element of a batch: what was made, or why not.
fn each<T, U: From<T>>(result: Result<T, Refusal>) -> (Option<U>, Option<pb::BatchError>) {
    match result {
        Ok(made) => (Some(made.into()), None),
        Err(refusal) => (None, Some(refusal.into())),
    }
}

/// Records as messages.
pub(crate) fn all<T, U: From<T>>(records: Vec<T>) -> Vec<U> {
    records.into_iter().map(U::from).collect()
}

/// Bytes in lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The contract's number of a state.
fn number(state: u8) -> i32 {
    i32::from(state)
}

const MS_PER_SECOND: i64 = 1_000;
const NANOS_PER_MS: i64 = 1_000_000;

/// Unix milliseconds as a Timestamp.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
pub(crate) fn time(ms: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: ms.div_euclid(MS_PER_SECOND), nanos: nanos(ms.rem_euclid(MS_PER_SECOND)) })
}

/// Unix milliseconds as a Timestamp; 0 is none.
fn time_if(ms: i64) -> Option<Timestamp> {
    (ms != 0).then(|| time(ms)).flatten()
}

/// Milliseconds as a Duration; seconds and nanos have one sign.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn span(ms: i64) -> Option<Duration> {
    Some(Duration { seconds: ms / MS_PER_SECOND, nanos: nanos(ms % MS_PER_SECOND) })
}

fn nanos(ms: i64) -> i32 {
    i32::try_from(ms * NANOS_PER_MS).expect("less than a second of nanoseconds fits an i32")
}

/// An amount of a currency.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn money(minor_units: i64, currency: Currency) -> Option<pb::Money> {
    Some(pb::Money { currency_code: currency.code().to_owned(), minor_units })
}

impl From<Money> for pb::Money {
    fn from(money: Money) -> Self {
        Self { currency_code: money.currency.code().to_owned(), minor_units: money.minor }
    }
}

impl From<Address> for pb::Address {
    fn from(address: Address) -> Self {
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

impl From<Refusal> for pb::BatchError {
    fn from(refusal: Refusal) -> Self {
        Failure::from(refusal).into()
    }
}

impl From<Failure> for pb::BatchError {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code.into(),
            reason: failure.reason.to_owned(),
            message: failure.message,
            details: failure.details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
