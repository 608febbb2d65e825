//! Room in the map: LMDB's file cannot grow beyond it.

use std::sync::PoisonError;

use kasir_core::Fault;

use crate::sequencer::Sequencer;

/// The map grows ahead of need once this share of it is used.
const GROW_AHEAD_PERCENT: u64 = 75;

impl<T: Send + 'static> Sequencer<T> {
    /// Doubles the map, once nobody of this process is inside it. The caller is not.
    pub(crate) fn grow(&mut self) -> Result<(), Fault> {
        if let Err(failure) = self.end_follow() {
            self.lost = Some(failure);
        }
        self.double()
    }

    /// The same while nothing is being told to LMDB's file.
    pub(crate) fn double(&self) -> Result<(), Fault> {
        let _alone = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.files.grow()
    }

    /// Grows the map before it is full, when no reader has to be waited for.
    pub(crate) fn grow_ahead(&self) {
        if !self.is_filled(GROW_AHEAD_PERCENT) {
            return;
        }
        if let Ok(_alone) = self.shared.gate.try_write() {
            // Whatever hinders it now is found out, and told, when the map is full.
            let _ = self.files.grow();
        }
    }

    /// Whether so much of the map is used.
    pub(crate) fn is_filled(&self, percent: u64) -> bool {
        let (used, map) = (self.files.used_bytes(), self.files.map_bytes());
        used.saturating_mul(100) >= map.saturating_mul(percent)
    }
}
