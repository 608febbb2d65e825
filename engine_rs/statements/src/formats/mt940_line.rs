//! Field `:61:` of MT940 and MT942: one mutation.
//!
//! ```text
//! 1809240925RCR1234,56NTRFNONREF//0724710333343453
//! |     |   | ||      |   |       `- the bank's reference
//! |     |   | ||      |   `- the customer's reference
//! |     |   | ||      `- kind of transaction
//! |     |   | |`- amount, decimal comma
//! |     |   | `- third letter of the currency, or nothing
//! |     |   `- direction: C in, D out, RC a credit taken back (out), RD a debit taken back (in), EC and ED expected
//! |     `- booking day MMDD, or nothing
//! `- value date YYMMDD
//! ```
//!
//! What follows on further lines is the bank's own text. Old Dutch exports put the other party behind the sixteen
//! characters of the reference.

/// The pieces of a `:61:`, nothing read into them yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Six digits, YYMMDD.
    pub(super) value_date: &'a str,
    /// Four digits, MMDD; empty when the bank leaves them out.
    pub(super) entry_date: &'a str,
    /// Whether the money came in.
    pub(super) is_in: bool,
    /// Announced, not booked: directions EC and ED of MT942.
    pub(super) is_expected: bool,
    /// As written, with its decimal comma.
    pub(super) amount: &'a str,
    /// The customer's reference; placeholders such as NONREF are left as they stand.
    pub(super) reference: &'a str,
    /// What stands behind `//`.
    pub(super) bank_reference: &'a str,
    /// The other party, behind a reference padded to sixteen characters.
    pub(super) padded_party: &'a str,
    /// The lines below the first.
    pub(super) supplement: &'a str,
}

/// A reference takes sixteen characters; what stands behind its padding is another field.
const REFERENCE_CHARS: usize = 16;
/// N, F or S and three characters more.
const KIND_BYTES: usize = 4;

impl<'a> Line<'a> {
    /// Takes `text` apart: the content of one `:61:`, its lines separated by `\n`. The error says in plain words
    /// which piece is missing.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let text = text.trim_start();
        let (value_date, rest) = digits(text, 6).ok_or("it does not begin with a value date, YYMMDD")?;
        let (entry_date, rest) = digits(rest, 4).unwrap_or(("", rest));
        let (is_in, is_expected, rest) =
            direction(rest).ok_or("no direction (C, D, RC or RD) stands behind its dates")?;
        // The third letter of the currency; some banks break the line here.
        let rest = rest.strip_prefix(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(rest);
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(rest.len());
        let (amount, rest) = rest.split_at(end);
        if amount.is_empty() {
            return Err("no amount stands behind its direction");
        }
        let (first, supplement) = rest.split_once('\n').unwrap_or((rest, ""));
        let first = first.trim_start();
        let references = first.char_indices().nth(KIND_BYTES).map_or("", |(start, _)| &first[start..]);
        let (references, padded_party) = match references.char_indices().nth(REFERENCE_CHARS) {
            Some((start, _)) if !references.contains("//") => references.split_at(start),
            _ => (references, ""),
        };
        let (reference, bank_reference) = references.split_once("//").unwrap_or((references, ""));
        Ok(Line {
            value_date,
            entry_date,
            is_in,
            is_expected,
            amount,
            reference: reference.trim(),
            bank_reference: bank_reference.trim(),
            padded_party: padded_party.trim(),
            supplement: supplement.trim(),
        })
    }
}

fn digits(text: &str, count: usize) -> Option<(&str, &str)> {
    let (start, rest) = text.split_at_checked(count)?;
    start.bytes().all(|byte| byte.is_ascii_digit()).then_some((start, rest))
}

/// Whether money came in, whether it is only expected, and what follows.
fn direction(text: &str) -> Option<(bool, bool, &str)> {
    const DIRECTIONS: [(&str, bool, bool); 6] = [
        ("RC", false, false),
        ("RD", true, false),
        ("EC", true, true),
        ("ED", false, true),
        ("C", true, false),
        ("D", false, false),
    ];
    DIRECTIONS
        .iter()
        .find_map(|&(mark, is_in, is_expected)| Some((is_in, is_expected, text.strip_prefix(mark)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Line<'_> {
        Line::parse(text).expect("a line of the standard")
    }

    #[test]
    fn a_line_of_the_standard() {
        let line = parsed("0709070904CR50990,05NTRFNONREF//0724710333343453\n/OCMT/EUR4,5/");
        assert_eq!(
            line,
            Line {
                value_date: "070907",
                entry_date: "0904",
                is_in: true,
                is_expected: false,
                amount: "50990,05",
                reference: "NONREF",
                bank_reference: "0724710333343453",
                padded_party: "",
                supplement: "/OCMT/EUR4,5/",
            }
        );
    }

    #[test]
    fn a_reversal_of_a_credit_is_money_out_and_of_a_debit_money_in() {
        for (mark, is_in, is_expected) in [
            ("C", true, false),
            ("D", false, false),
            ("RC", false, false),
            ("RD", true, false),
            ("CR", true, false),
            ("DR", false, false),
            ("RCR", false, false),
            ("RDR", true, false),
            ("EC", true, true),
            ("ED", false, true),
        ] {
            let text = format!("2611260000{mark}5,NTRFNONREF");
            let line = parsed(&text);
            assert_eq!((line.is_in, line.is_expected, line.amount), (is_in, is_expected, "5,"), "{mark}");
        }
    }

    #[test]
    fn a_missing_booking_day_and_a_padded_reference_with_the_other_party_behind_it() {
        let line = parsed("110617D000000000044,95N0600733959555      T-MOBILE NETHERLANDS BV          ");
        assert_eq!(line.entry_date, "");
        assert_eq!(line.reference, "0733959555");
        assert_eq!(line.padded_party, "T-MOBILE NETHERLANDS BV");
    }

    #[test]
    fn blanks_and_a_line_break_around_the_amount() {
        assert_eq!(parsed("1811261126CR\n30,00N062NONREF").amount, "30,00");
        let line = parsed("2006080608D12,35 NRTIKREF+//2016021783252833");
        assert_eq!((line.amount, line.reference), ("12,35", "KREF+"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, words) in [
            ("", "value date"),
            ("07090", "value date"),
            ("0709070904X5,", "direction"),
            ("0709070904C", "amount"),
            ("0709070904CRNTRF", "amount"),
        ] {
            assert!(Line::parse(text).expect_err(text).contains(words), "{text}");
        }
    }
}
