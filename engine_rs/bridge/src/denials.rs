//! What is refused at the door: why, what is said of it to whom, and how often, until it is written down.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::answers::Refused;

/// Refusals of different callers that are kept until they are written down; of more, only their number.
const DENIALS_MAX: usize = 256;

/// Why somebody was not let in, as the log of access has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denied {
    NoDevice,
    TakenOut,
    NoSession,
    UnknownToken,
    Ended,
    OtherDevice,
    Actor,
    Role,
    Location,
    Pace,
}

impl Denied {
    fn words(self) -> &'static str {
        match self {
            Self::NoDevice => "no certificate that is good",
            Self::TakenOut => "a certificate that was taken out, or is over",
            Self::NoSession => "nobody is logged in",
            Self::UnknownToken => "the token is unknown, or over",
            Self::Ended => "the session is over",
            Self::OtherDevice => "the token is another device's",
            Self::Actor => "kasir-actor names somebody else",
            Self::Role => "no role that may",
            Self::Location => "another location",
            Self::Pace => "too many calls a second",
        }
    }

    /// What the caller is told: less, where more would help a thief.
    pub(crate) fn refused(self) -> (Refused, &'static str) {
        match self {
            Self::NoDevice => (
                Refused::DeviceUnknown,
                "This machine is not enrolled here. Ask an owner or a manager for a code, then: kasir enrol CODE.",
            ),
            Self::TakenOut => (
                Refused::DeviceUnknown,
                "This machine was taken out of the shop, or its certificate is over. Ask an owner or a manager for a code: \
                 kasir access devices code NAME; then kasir enrol CODE.",
            ),
            Self::NoSession | Self::UnknownToken | Self::Ended | Self::OtherDevice => {
                (Refused::SessionRequired, "Nobody is logged in at this device, or the session is over.")
            }
            Self::Actor => (
                Refused::ActorMismatch,
                "kasir-actor names somebody else than who is logged in at this device.",
            ),
            Self::Role => (Refused::RoleMissing, "None of the roles of who is logged in may do this."),
            Self::Location => (Refused::LocationDenied, "Who is logged in does not work at this location."),
            Self::Pace => (Refused::RateExceeded, "Too many calls a second. Try again in a moment."),
        }
    }
}

/// Refusals that were not written down yet: how many, and since when.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    rows: HashMap<Denial, (u64, i64)>,
    dropped: u64,
}

/// What refusals have in common that are told as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Denial {
    pub(crate) method: usize,
    pub(crate) why: Denied,
    pub(crate) actor: String,
    pub(crate) device: String,
    pub(crate) peer: Option<IpAddr>,
}

impl Denial {
    pub(crate) fn words(&self) -> &'static str {
        self.why.words()
    }
}

impl Denials {
    /// One more, at `now_ms`.
    pub(crate) fn note(&mut self, denial: Denial, now_ms: i64) {
        let room = self.rows.len() < DENIALS_MAX;
        match self.rows.get_mut(&denial) {
            Some((count, _)) => *count += 1,
            None if room => {
                self.rows.insert(denial, (1, now_ms));
            }
            None => self.dropped += 1,
        }
    }

    /// What was refused since the last time, how often and since when; and how many more.
    pub(crate) fn take(&mut self) -> (Vec<(Denial, u64, i64)>, u64) {
        let Self { rows, dropped } = std::mem::take(self);
        (rows.into_iter().map(|(denial, (count, since))| (denial, count, since)).collect(), dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thief_learns_nothing_of_a_token() {
        let of_tokens = [Denied::NoSession, Denied::UnknownToken, Denied::Ended, Denied::OtherDevice];
        assert!(of_tokens.iter().all(|why| why.refused() == Denied::NoSession.refused()));
    }
}
