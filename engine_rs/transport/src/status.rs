//! How a call ends: a gRPC code, words, and for machines a reason and serialized details.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;

/// The status codes of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// It worked.
    Ok = 0,
    /// The caller gave it up.
    Cancelled = 1,
    /// An error of no known kind.
    Unknown = 2,
    /// The caller asked for what makes no sense.
    InvalidArgument = 3,
    /// The time the caller gave is over.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// There is such a thing already.
    AlreadyExists = 6,
    /// The caller may not.
    PermissionDenied = 7,
    /// Something is used up.
    ResourceExhausted = 8,
    /// The state of things forbids it.
    FailedPrecondition = 9,
    /// Another call came in between.
    Aborted = 10,
    /// Beyond what there is.
    OutOfRange = 11,
    /// No such method.
    Unimplemented = 12,
    /// A fault of the server.
    Internal = 13,
    /// The server cannot at the moment.
    Unavailable = 14,
    /// Something is lost for good.
    DataLoss = 15,
    /// Nobody knows who calls.
    Unauthenticated = 16,
}

/// Every code, in the order of its numbers.
pub const CODES: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

impl Code {
    /// The code with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        CODES.get(usize::from(number)).copied()
    }
}

/// The reason of calls whose handler is gone, inside of this crate.
const LOST: &str = "(lost)";

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What kind of end it is.
    pub code: Code,
    /// Words for people; empty when it worked.
    pub message: Cow<'static, str>,
    /// A name for machines, counted and logged but not sent: what is sent of it stands in `details`. May be empty.
    pub reason: Cow<'static, str>,
    /// A serialized google.rpc.Status for `grpc-status-details-bin`; empty when there is none.
    pub details: Bytes,
}

impl Status {
    /// It worked.
    pub const OK: Self =
        Self { code: Code::Ok, message: Cow::Borrowed(""), reason: Cow::Borrowed(""), details: Bytes::new() };

    /// A status without reason and details.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), reason: Cow::Borrowed(""), details: Bytes::new() }
    }

    /// The caller's time is over.
    pub(crate) fn late() -> Self {
        Self::new(Code::DeadlineExceeded, "The call's deadline has passed.")
    }

    /// A handler is gone without an answer. [`crate::Policy::fault`] finds the words.
    pub(crate) fn lost() -> Self {
        Self { reason: Cow::Borrowed(LOST), ..Self::new(Code::Internal, "") }
    }

    /// The caller went away.
    pub(crate) fn gone() -> Self {
        Self::new(Code::Cancelled, "The caller gave the call up.")
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.code == Code::Internal && self.reason == LOST
    }
}

/// The beginning of a text, at most so many bytes.
pub fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Writes words as `grpc-message` wants them: percent-encoded UTF-8.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_percent_encoded() {
        for (plain, encoded) in [
            ("", ""),
            ("Two are wanted, one is there.", "Two are wanted, one is there."),
            ("100 %", "100 %25"),
            ("\t\ntest", "%09%0Atest"),
            ("☺ and 😈", "%E2%98%BA and %F0%9F%98%88"),
            ("\u{7f}~", "%7F~"),
        ] {
            assert_eq!(percent_encoded(plain), encoded);
        }
    }

    #[test]
    fn a_beginning_ends_between_characters() {
        assert_eq!([0, 1, 2, 3, 9].map(|most| beginning("aé", most)), ["", "a", "a", "aé", "aé"]);
    }

    #[test]
    fn codes_have_their_numbers() {
        for (number, code) in (0_u8..).zip(CODES) {
            assert_eq!(code as u8, number);
            assert_eq!(Code::from_number(number), Some(code));
        }
        assert_eq!(Code::from_number(17), None);
    }
}
