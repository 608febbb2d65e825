//! Every number that the matcher goes by.

/// Weights, thresholds and bounds. Weights are natural log-odds in thousandths (millinats): 2,303 is ten to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Minor units in one major unit of the account's currency: 100 for IDR.
    pub minor_per_major: i64,
    /// Where the bank's days are counted, minutes east of UTC.
    pub utc_offset_minutes: i32,
    /// The most that is let go of an order when its transfer came short by a fee. 0: nothing is.
    pub write_off_max_minor: i64,
    /// Most threads that a decision over many components takes; 1 makes none.
    pub threads: usize,
    /// Most candidates in a decision.
    pub candidates_max: usize,
}

impl Default for Config {
    /// Rupiah at a bank in Jakarta.
    fn default() -> Self {
        Self {
            minor_per_major: 100,
            utc_offset_minutes: 7 * 60,
            write_off_max_minor: 650_000,
            threads: 1,
            candidates_max: 5,
        }
    }
}
