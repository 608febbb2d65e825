//! What a scanner read: a barcode as it is, or a GS1 element string with a GTIN somewhere in it. Sources: ISO/IEC 15424 (AIM
//! prefixes), GS1 General Specifications 3.2 (application identifiers) and 7.8 (element strings).

use crate::text::{canonical_barcode, check_barcode};

/// FNC1 as scanners send it: before the first element of some symbols, and after an element without a length of its own.
const GROUP_SEPARATOR: char = '\u{1d}';
/// Digits of a GTIN in an element string.
const GTIN_DIGITS: usize = 14;
/// Longest element whose identifier gives no length: 4 digits of identifier and 90 characters.
const ELEMENT_MAX: usize = 94;

/// What a scan may stand for in the catalogue, likeliest first, in the form under which barcodes are looked up: the code
/// itself without what the scanner put before it, then the GTINs that it holds as a GS1 element string. Never empty.
pub fn readings(scan: &str) -> Vec<String> {
    let body = body(scan);
    let mut readings = vec![canonical_barcode(body)];
    let gtins = if body.starts_with('(') { bracketed(body) } else { element_string(body) };
    readings.extend(gtins.unwrap_or_default().into_iter().map(canonical_barcode));
    readings
}

/// The scan as people may read it: without what cannot be printed.
pub fn shown(scan: &str) -> String {
    scan.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_string()
}

/// The scan without blanks around it, AIM prefix (`]E0`, `]C1`, …) and FNC1 at its ends.
fn body(scan: &str) -> &str {
    let scan = scan.trim_matches(|c: char| c.is_ascii_whitespace());
    let body = match scan.as_bytes() {
        [b']', code, modifier, ..] if code.is_ascii_alphanumeric() && modifier.is_ascii_alphanumeric() => {
            &scan[3..]
        }
        _ => scan,
    };
    body.trim_matches(GROUP_SEPARATOR)
}

/// Characters of an element whose identifier gives its length, identifier and all. GS1 General Specifications,
/// figure 7.8.5-2: such an element needs no separator after it.
const fn length_of(identifier: u32) -> Option<usize> {
    match identifier {
        0 => Some(20),
        1..=3 => Some(2 + GTIN_DIGITS),
        4 => Some(18),
        11..=13 | 15..=19 => Some(8),
        20 => Some(4),
        31..=36 => Some(10),
        41 => Some(16),
        _ => None,
    }
}

/// Whether identifiers that begin like this are given out, and their elements end with a separator or the scan.
const fn ends_by_separator(identifier: u32) -> bool {
    matches!(identifier, 10 | 21..=25 | 30 | 37 | 39 | 40 | 42 | 43 | 70..=72 | 80..=82 | 90..=99)
}

/// The GTINs of an element string as scanners send it; none unless all of it is well formed.
fn element_string(body: &str) -> Option<Vec<&str>> {
    let mut gtins = Gtins::default();
    let mut rest = body;
    while !rest.is_empty() {
        let identifier: u32 = digits(rest.get(..2)?)?.parse().ok()?;
        let element = match length_of(identifier) {
            Some(length) => digits(rest.get(..length)?)?,
            None if ends_by_separator(identifier) => rest.split(GROUP_SEPARATOR).next()?,
            None => return None,
        };
        gtins.take(identifier, element.get(2..)?)?;
        rest = rest[element.len()..].trim_start_matches(GROUP_SEPARATOR);
    }
    Some(gtins.found)
}

/// The GTINs of an element string as it is printed below its symbol: "(01)…(10)…".
fn bracketed(body: &str) -> Option<Vec<&str>> {
    let mut gtins = Gtins::default();
    for element in body.strip_prefix('(')?.split('(') {
        let (identifier, data) = element.split_once(')')?;
        if !(2..=4).contains(&identifier.len()) {
            return None;
        }
        gtins.take(digits(identifier)?[..2].parse().ok()?, data)?;
    }
    Some(gtins.found)
}

#[derive(Default)]
struct Gtins<'s> {
    found: Vec<&'s str>,
}

impl<'s> Gtins<'s> {
    /// Takes one element; `None` when it is not well formed. (01) is the GTIN of what was scanned, (02) of what is in it.
    fn take(&mut self, identifier: u32, data: &'s str) -> Option<()> {
        match identifier {
            1 | 2 => {
                let gtin = digits(data).filter(|gtin| gtin.len() == GTIN_DIGITS)?;
                check_barcode(gtin).ok()?;
                self.found.push(gtin);
                Some(())
            }
            11..=13 | 15..=19 => is_date(data).then_some(()),
            _ => {
                let printable = data.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
                (printable && (1..=ELEMENT_MAX - 2).contains(&data.len())).then_some(())
            }
        }
    }
}

/// A date as elements have it: YYMMDD, the day 00 where only the month is known.
fn is_date(data: &str) -> bool {
    let part = |from: usize| data.get(from..from + 2).and_then(|part| part.parse::<u32>().ok());
    data.len() == 6
        && part(0).is_some()
        && part(2).is_some_and(|month| (1..=12).contains(&month))
        && part(4).is_some_and(|day| day <= 31)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_reads(scan: &str, barcode: &str) {
        assert!(readings(scan).iter().any(|reading| reading == barcode), "{scan:?}: {:?}", readings(scan));
    }

    #[test]
    fn a_scan_is_the_code_itself() {
        for scan in [
            "4006381333931",
            " 4006381333931\r\n",
            "]E04006381333931",
            "]E0\u{1d}4006381333931",
            "04006381333931",
        ] {
            assert_eq!(readings(scan), ["4006381333931"], "{scan:?}");
        }
        assert_eq!(readings("036000291452"), ["0036000291452"]);
        assert_eq!(readings("ABC-1"), ["ABC-1"]);
        assert_eq!(readings("]é"), ["]é"]);
        assert_eq!(readings(""), [""]);
    }

    #[test]
    fn an_element_string_names_its_gtin_wherever_it_stands() {
        for scan in [
            "0108991002101234",
            "010899100210123417251231",
            "010899100210123410L1",
            "010899100210123410L1\u{1d}21S1",
            "\u{1d}010899100210123417251231",
            "\u{1d}0108991002101234\u{1d}",
            "]C10108991002101234\u{1d}10L1",
            "]d2\u{1d}17251200010899100210123410L1",
            "10L1\u{1d}0108991002101234",
            "1725123111250101310300125001089910021012343922500\u{1d}99shop",
            "00106141411234567897020899100210123437100",
            "(01)08991002101234",
            "(01)08991002101234(10)L1(17)251231",
            "(10)L1(3103)001250(01)08991002101234",
        ] {
            assert_reads(scan, "8991002101234");
        }
    }

    #[test]
    fn every_length_of_gtin_is_found_as_it_stands_in_the_catalogue() {
        for (gtin, stored) in [
            ("00000096385074", "96385074"),
            ("00036000291452", "0036000291452"),
            ("04006381333931", "4006381333931"),
            ("10012345678902", "10012345678902"),
        ] {
            assert_reads(&format!("01{gtin}"), stored);
            assert_reads(&format!("(01){gtin}"), stored);
            assert_reads(gtin, stored);
            assert_eq!(canonical_barcode(stored), stored);
        }
        assert_reads("0000096385074", "96385074");
        assert_reads("000096385074", "96385074");
    }

    #[test]
    fn what_is_not_well_formed_names_nothing_else() {
        for scan in [
            "0108991002101235",         // check digit
            "010899100210123",          // too short
            "01089910021012341725",     // cut off
            "010899100210123417259931", // no such month
            "010899100210123417251232", // no such day
            "01089910021012341",        // a digit too many
            "010899100210123405123",    // no such identifier
            "010899100210123410",       // an element of nothing
            "010899100210123410L 1",    // a blank in it
            "01089910021012AB",
            "(01)08991002101235",
            "(01)0899100210123",
            "(1)08991002101234",
            "(01",
            "()",
        ] {
            assert_eq!(readings(scan), [canonical_barcode(scan)], "{scan:?}");
        }
    }

    #[test]
    fn what_is_shown_can_be_printed() {
        assert_eq!(shown("]C101\u{1d}10L1\r\n"), "]C10110L1");
        assert_eq!(shown("\u{1d}\u{0}"), "");
    }
}
