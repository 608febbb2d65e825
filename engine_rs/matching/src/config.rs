//! Every number that the matcher goes by.

/// Thresholds and bounds. Weights are natural log-odds in thousandths (millinats): 2,303 is ten to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Minor units in one major unit of the account's currency: 100 for IDR.
    pub minor_per_major: i64,
    /// Where the bank's days are counted, minutes east of UTC.
    pub utc_offset_minutes: i32,
    /// The most that is let go of an order when its transfer came short by a fee. 0: nothing is.
    pub write_off_max_minor: i64,
    /// Fees that banks take off or customers add, in minor units.
    pub fees_minor: Vec<i64>,
    /// The most that customers round a transfer down by, in minor units.
    pub rounded_down_max_minor: i64,
    /// Most threads that a decision over many components takes; 1 makes none.
    pub threads: usize,
    /// Most candidates in a decision.
    pub candidates_max: usize,
    /// [`crate::Verdict::Auto`] needs this score,
    pub auto_score: i64,
    /// and this margin.
    pub auto_margin: i64,
    /// Where the amount is not exact, or is one that many pay, other evidence (name, number, alias) has to weigh this much.
    pub auto_other_evidence: i64,
    /// Below this score nothing is suggested.
    pub suggest_score: i64,
    /// Below this margin several explanations are equally good.
    pub tie_margin: i64,
    /// What each piece of evidence weighs.
    pub weights: Weights,
}

impl Default for Config {
    /// Rupiah at a bank in Jakarta.
    fn default() -> Self {
        Self {
            minor_per_major: 100,
            utc_offset_minutes: 7 * 60,
            write_off_max_minor: 650_000,
            fees_minor: vec![250_000, 650_000, 290_000],
            rounded_down_max_minor: 100_000,
            threads: 1,
            candidates_max: 5,
            auto_score: 4_000,
            auto_margin: 3_000,
            auto_other_evidence: 4_500,
            suggest_score: 1_500,
            tie_margin: 700,
            weights: Weights::default(),
        }
    }
}

impl Config {
    /// For accounts in a currency, by its ISO 4217 code and how many minor units a major one has. Of others than rupiah no
    /// bank's fees are known, and nothing is let go.
    pub fn of_currency(code: &str, minor_per_major: i64) -> Self {
        if code == "IDR" {
            return Self { minor_per_major, ..Self::default() };
        }
        Self {
            minor_per_major,
            write_off_max_minor: 0,
            fees_minor: Vec::new(),
            rounded_down_max_minor: minor_per_major,
            ..Self::default()
        }
    }
}

/// What each piece of evidence weighs, in millinats; positive speaks for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// Before anything is known of a pair.
    pub prior: i64,
    /// Before anything is known of one transfer for several orders, or of several for one.
    pub group_prior: i64,
    /// An exact amount, by how many digits it has without zeros at its end: 100,000 has one, 108,437 six.
    /// The last one stands for more digits.
    pub exact_by_digits: [i64; 6],
    /// What an amount loses of its exact weight when it is the order's without its unique code,
    pub code_left_out: i64,
    /// short by a usual fee,
    pub fee_short: i64,
    /// more by a usual fee,
    pub fee_over: i64,
    /// short by no more than is written off,
    pub tolerated: i64,
    /// two neighbouring digits swapped,
    pub swapped: i64,
    /// one digit wrong,
    pub wrong_digit: i64,
    /// one digit missing or too many.
    pub digit_count: i64,
    /// The amount differs but ends with the order's unique code.
    pub code_seen: i64,
    /// Less than is due, without a reason that can be seen.
    pub part: i64,
    /// A rounder amount, a little more or less than is due.
    pub rounded: i64,
    /// More than is due.
    pub over: i64,
    /// More than three times what is due.
    pub far_over: i64,
    /// Nothing in a text that could be a name is like the customer's,
    pub name_differs: i64,
    /// and it is a text that holds nothing but a name.
    pub name_only_differs: i64,
    /// A part of the name fits and another part is somebody else's.
    pub name_contradicts: i64,
    /// A part of the name is not there.
    pub name_part_missing: i64,
    /// The most that a name weighs.
    pub name_max: i64,
    /// The text names the order's number after a word like INV.
    pub number_marked: i64,
    /// The text holds the order's number, by its digits; the last one stands for more.
    pub number_by_digits: [i64; 8],
    /// The text names another order's number.
    pub number_differs: i64,
    /// This payer paid for the customer before, and for nobody else: less by the logarithm of how many.
    pub alias: i64,
    /// This payer paid for others before, never for this customer.
    pub alias_differs: i64,
    /// Paid before the order was booked.
    pub before_booking: i64,
    /// Paid from the day of booking to that of the deadline.
    pub in_time: i64,
    /// Paid up to so many days later: (days, weight), by days.
    pub late: [(i32, i64); 4],
    /// Paid later than all of those.
    pub very_late: i64,
    /// The order was cancelled.
    pub cancelled: i64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            prior: -1_500,
            group_prior: -2_500,
            exact_by_digits: [2_000, 3_000, 4_500, 6_000, 6_800, 7_000],
            code_left_out: -2_000,
            fee_short: -3_000,
            fee_over: -5_000,
            tolerated: -5_000,
            swapped: -4_500,
            wrong_digit: -5_500,
            digit_count: -5_500,
            code_seen: 500,
            part: -3_300,
            rounded: 0,
            over: -5_000,
            far_over: -7_000,
            name_differs: -700,
            name_only_differs: -1_500,
            name_contradicts: -3_000,
            name_part_missing: -700,
            name_max: 12_000,
            number_marked: 8_000,
            number_by_digits: [0, 0, 500, 2_000, 3_500, 6_000, 6_500, 7_000],
            number_differs: -2_500,
            alias: 6_000,
            alias_differs: -500,
            before_booking: -8_000,
            in_time: 500,
            late: [(1, 0), (3, -500), (7, -1_500), (30, -3_000)],
            very_late: -5_000,
            cancelled: -2_000,
        }
    }
}
