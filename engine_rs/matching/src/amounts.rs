//! How an amount is to what is due: exact, short by a fee, mistyped. Amounts are minor units.

use crate::config::Config;

/// How an amount is to what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// To the last unit.
    Exact,
    /// What is due without the unique code.
    CodeLeftOut,
    /// Short by a usual fee.
    FeeShort,
    /// More by a usual fee.
    FeeOver,
    /// Short by no more than is written off.
    Tolerated,
    /// Two neighbouring digits swapped.
    Swapped,
    /// One digit wrong.
    WrongDigit,
    /// One digit missing or too many.
    DigitCount,
    /// Another amount that ends with the order's unique code.
    CodeSeen,
    /// A rounder amount, a little more or less.
    Rounded,
    /// Less, for no reason that can be seen.
    Part,
    /// More, for no reason that can be seen.
    Over,
}

impl Relation {
    /// What an amount is short by may be let go: a fee, a code or a slip explains it.
    pub(crate) fn lets_go(self) -> bool {
        !matches!(self, Self::Part | Self::CodeSeen | Self::Over)
    }
}

/// What is rounded is at most this part of what is due.
const ROUNDED_SHARE: i64 = 40;
/// What is let go is at most this part of what is due: who pays less pays a part.
const TOLERATED_SHARE: i64 = 10;
/// An amount with a unique code counts as one of at least so many digits.
const CODED_DIGITS: usize = 5;
/// More than this many times what is due is far over.
const FAR: i64 = 3;

/// How `amount` is to what an order has to pay, and what that weighs.
pub(crate) fn relate(amount: i64, due: i64, code: i32, config: &Config) -> (Relation, i64) {
    let weights = &config.weights;
    let exact = |of: i64| weights.exact_by_digits[digits_of(of) - 1];
    // With its code an order's amount is one of many, whatever zeros it ends with.
    let coded =
        if code == 0 { exact(due) } else { exact(due).max(weights.exact_by_digits[CODED_DIGITS - 1]) };
    let code_minor = i64::from(code) * config.minor_per_major;
    let short = due - amount;
    let weighed = |relation, less| (relation, coded + less);
    let near = short.abs() <= due / ROUNDED_SHARE && short <= config.rounded_down_max_minor;
    if short == 0 {
        (Relation::Exact, coded)
    } else if code != 0 && short == code_minor {
        (Relation::CodeLeftOut, exact(amount) + weights.code_left_out)
    } else if config.fees_minor.contains(&short) {
        weighed(Relation::FeeShort, weights.fee_short)
    } else if config.fees_minor.contains(&-short) {
        weighed(Relation::FeeOver, weights.fee_over)
    } else if let Some(slip) = slip(amount, due, config.minor_per_major) {
        let less = match slip {
            Relation::Swapped => weights.swapped,
            Relation::WrongDigit => weights.wrong_digit,
            _ => weights.digit_count,
        };
        weighed(slip, less)
    } else if near && digits_of(amount) < digits_of(due) {
        (Relation::Rounded, weights.rounded)
    } else if short > 0 && short <= config.write_off_max_minor.min(due / TOLERATED_SHARE) {
        weighed(Relation::Tolerated, weights.tolerated)
    } else if code > 0 && ends_with_code(amount, code, config.minor_per_major) {
        (Relation::CodeSeen, weights.code_seen)
    } else if short > 0 {
        (Relation::Part, weights.part)
    } else if amount > due.saturating_mul(FAR) {
        (Relation::Over, weights.far_over)
    } else {
        (Relation::Over, weights.over)
    }
}

/// How many digits an amount has without the zeros at its end, 1 to 6: what tells it from others.
pub(crate) fn digits_of(amount: i64) -> usize {
    let mut rest = amount.max(1);
    while rest % 10 == 0 {
        rest /= 10;
    }
    (rest.ilog10() as usize + 1).min(6)
}

/// The least code that is told from chance by its digits.
const CODE_MIN: i32 = 10;

fn ends_with_code(amount: i64, code: i32, minor_per_major: i64) -> bool {
    code >= CODE_MIN && amount % minor_per_major == 0 && (amount / minor_per_major) % 1_000 == i64::from(code)
}

/// Which slip of the finger makes one amount of the other, seen in major units.
fn slip(amount: i64, due: i64, minor_per_major: i64) -> Option<Relation> {
    if amount % minor_per_major != due % minor_per_major {
        return None;
    }
    if !may_be_slip(amount / minor_per_major, due / minor_per_major) {
        return None;
    }
    let typed = Digits::of(amount / minor_per_major);
    let meant = Digits::of(due / minor_per_major);
    let (typed, meant) = (typed.as_slice(), meant.as_slice());
    if typed.len() == meant.len() {
        let mut differing =
            typed.iter().zip(meant).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at);
        let first = differing.next()?;
        let second = differing.next();
        if differing.next().is_some() {
            return None;
        }
        match second {
            None => Some(Relation::WrongDigit),
            Some(second) if second == first + 1 => {
                let swapped = typed[first] == meant[second] && typed[second] == meant[first];
                swapped.then_some(Relation::Swapped)
            }
            Some(_) => None,
        }
    } else {
        let (short, long) = if typed.len() < meant.len() { (typed, meant) } else { (meant, typed) };
        // A digit fewer is a tenth or so of the amount: of the few short ones many are.
        let one_off = long.len() == short.len() + 1 && short.len() >= 3;
        let fits = |left_out: usize| {
            long[..left_out] == short[..left_out] && long[left_out + 1..] == short[left_out..]
        };
        (one_off && (0..long.len()).any(fits)).then_some(Relation::DigitCount)
    }
}

/// Whether a slip of the finger could have made one of the other, at a glance: most pairs differ by too much. Of amounts of as
/// many digits, one wrong one makes a difference of one digit and zeros, two swapped ones a multiple of nine.
fn may_be_slip(typed: i64, meant: i64) -> bool {
    let length = |amount: i64| amount.checked_ilog10().unwrap_or(0);
    if length(typed) != length(meant) {
        return length(typed).abs_diff(length(meant)) == 1;
    }
    let mut differs = (typed - meant).abs();
    while differs != 0 && differs % 10 == 0 {
        differs /= 10;
    }
    differs <= 9 || (differs <= 81 && differs % 9 == 0)
}

/// The digits of an amount in major units, first the highest.
struct Digits {
    digits: [u8; 20],
    from: usize,
}

impl Digits {
    fn of(amount: i64) -> Self {
        let mut found = Self { digits: [0; 20], from: 20 };
        let mut rest = amount;
        while rest > 0 && found.from > 0 {
            found.from -= 1;
            found.digits[found.from] = u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        found
    }

    fn as_slice(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

/// Amounts that are one slip away from `amount`, either way, in no particular order.
pub(crate) fn slips(amount: i64, minor_per_major: i64) -> Vec<i64> {
    let (whole, fraction) = (amount / minor_per_major, amount % minor_per_major);
    let digits = Digits::of(whole);
    let digits = digits.as_slice();
    let mut found = Vec::with_capacity(digits.len() * 21 + 10);
    let mut power = 1_i64;
    for at in (0..digits.len()).rev() {
        let digit = i64::from(digits[at]);
        let low = whole % power;
        for other in (0..10).filter(|other| *other != digit) {
            found.push(whole + (other - digit) * power);
        }
        if at > 0 && digits[at - 1] != digits[at] {
            let higher = i64::from(digits[at - 1]);
            found.push(whole + (digit - higher) * power * 10 + (higher - digit) * power);
        }
        found.push(whole / (power * 10) * power + low);
        found.extend((0..10).map(|more| (whole / power * 10 + more) * power + low));
        power *= 10;
    }
    found.extend((1..10).map(|more| more * power + whole));
    found.sort_unstable();
    found.dedup();
    found.retain(|other| *other > 0 && *other != whole);
    for other in &mut found {
        *other = *other * minor_per_major + fraction;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(amount: i64, due: i64, code: i32) -> Relation {
        relate(amount * 100, due * 100, code, &Config::default()).0
    }

    #[test]
    fn amounts_relate_by_what_people_and_banks_do() {
        assert_eq!(relation(108_437, 108_437, 437), Relation::Exact);
        assert_eq!(relation(108_000, 108_437, 437), Relation::CodeLeftOut);
        assert_eq!(relation(101_937, 108_437, 437), Relation::FeeShort);
        assert_eq!(relation(110_937, 108_437, 437), Relation::FeeOver);
        assert_eq!(relation(108_347, 108_437, 437), Relation::Swapped);
        assert_eq!(relation(108_937, 108_437, 437), Relation::WrongDigit);
        assert_eq!(relation(18_437, 108_437, 437), Relation::DigitCount);
        assert_eq!(relation(1_088_437, 108_437, 437), Relation::DigitCount);
        assert_eq!(relation(107_361, 108_411, 0), Relation::Tolerated);
        assert_eq!(relation(209_437, 108_437, 437), Relation::CodeSeen);
        assert_eq!(relation(50_000, 108_437, 437), Relation::Part);
        assert_eq!(relation(110_000, 108_437, 437), Relation::Rounded);
        assert_eq!(relation(108_400, 108_411, 0), Relation::Rounded);
        assert_eq!(relation(150_000, 108_437, 437), Relation::Over);
    }

    #[test]
    fn rare_amounts_weigh_more() {
        assert_eq!(digits_of(10_000_000), 1);
        assert_eq!(digits_of(10_800_000), 3);
        assert_eq!(digits_of(10_843_700), 6);
        let weight = |amount: i64| relate(amount, amount, 0, &Config::default()).1;
        assert!(weight(10_000_000) < weight(10_800_000) && weight(10_800_000) < weight(10_843_700));
    }

    #[test]
    fn slips_are_what_the_relation_calls_slips() {
        for whole in [108_437, 99_999, 120_000, 7] {
            for other in slips(whole * 100, 100) {
                let found = slip(whole * 100, other, 100);
                // Where a zero stood behind the first digit, two digits are gone with it; short amounts tell nothing.
                let shorter = whole / 5 > other / 100;
                assert!(found.is_some() || shorter || whole.min(other / 100) < 1_000, "{whole} {other}");
            }
        }
        assert!(slips(10_843_700, 100).contains(&10_834_700));
        assert!(slips(10_843_700, 100).contains(&1_843_700));
    }
}
