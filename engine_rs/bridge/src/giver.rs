//! Who gave a command that has no answer yet.

use std::net::IpAddr;
use std::sync::Arc;

use kasir_core::Reason;

use crate::access::grant_of;
use crate::failure::Failure;

/// Who gave a command, for as long as it has no answer: what the engine refuses as nobody's mistake is written down.
#[derive(Debug)]
pub(crate) struct Giver {
    grant: kasir_transport::Grant,
    method: usize,
    peer: IpAddr,
}

impl Giver {
    /// `None`: nobody keeps watch.
    pub(crate) fn of(grant: Option<&kasir_transport::Grant>, method: usize, peer: IpAddr) -> Option<Self> {
        Some(Self { grant: Arc::clone(grant?), method, peer })
    }

    /// Looks at the answer.
    pub(crate) fn told(&self, answer: &Result<Vec<u8>, Failure>) {
        let Some(grant) = grant_of(Some(&self.grant)) else { return };
        if answer.as_ref().is_err_and(|failure| failure.reason == Reason::RequestIdReused.name()) {
            grant.note_taken(self.method, self.peer);
        }
    }
}
