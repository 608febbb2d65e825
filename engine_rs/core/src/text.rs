//! Texts from people and scanners: lengths, barcodes and their check digits, phones, search words, card numbers.

/// Most words of a name that are indexed.
pub const WORDS_MAX: usize = 20;
/// Longest indexed word in bytes; longer ones are cut for the index only.
pub const WORD_BYTES_MAX: usize = 40;

/// What is wrong with a barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarcodeFault {
    /// Empty, too long, or with characters no scanner gives.
    Malformed,
    /// A GTIN whose check digit is wrong.
    CheckDigit,
}

/// The check digit of GTIN digits without it: weights 3, 1 from the right. Source: GS1 General Specifications 7.9.
fn gtin_check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| u32::from(digit - b'0') * if index % 2 == 0 { 3 } else { 1 })
        .sum();
    b'0' + u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

fn is_gtin(code: &str) -> bool {
    matches!(code.len(), 8 | 12 | 13 | 14) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks a barcode as it shall be stored: 1 to 48 printable ASCII characters; digits of a GTIN's length need a right
/// check digit.
///
/// # Errors
/// [`BarcodeFault`].
pub fn check_barcode(code: &str) -> Result<(), BarcodeFault> {
    if code.is_empty() || code.len() > 48 || !code.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Err(BarcodeFault::Malformed);
    }
    if is_gtin(code) {
        let (digits, check) = code.as_bytes().split_at(code.len() - 1);
        if gtin_check_digit(digits) != check[0] {
            return Err(BarcodeFault::CheckDigit);
        }
    }
    Ok(())
}

/// The form of a barcode under which it is looked up: GTINs of all lengths are one row of numbers, so zeros before an EAN-13 or
/// an EAN-8 are dropped, and a UPC-A is the EAN-13 with one zero before it. GS1 General Specifications 3.3.2: the GTIN-8,
/// -12 and -13 stand right in 14 digits.
pub fn canonical_barcode(code: &str) -> String {
    if !is_gtin(code) {
        return code.to_string();
    }
    let padded = format!("{code:0>14}");
    let zeros = padded.len() - padded.trim_start_matches('0').len();
    let digits = match zeros {
        0 => 14,
        1..=5 => 13,
        _ => 8,
    };
    padded[14 - digits..].to_string()
}

/// The form of a phone under which it is stored: digits only, Indonesian numbers as 62…; `None` when it is no phone.
pub fn phone(text: &str) -> Option<String> {
    let mut digits = String::new();
    for (index, character) in text.trim().chars().enumerate() {
        match character {
            '0'..='9' => digits.push(character),
            '+' if index == 0 => {}
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    if let Some(rest) = digits.strip_prefix('0') {
        digits = format!("62{rest}");
    }
    (7..=20).contains(&digits.len()).then_some(digits)
}

/// Longest e-mail address: a path of RFC 5321, 4.5.3.1.3, without its brackets.
pub const EMAIL_CHARS_MAX: usize = 254;
/// Longest part before the @ (RFC 5321, 4.5.3.1.1), and longest label of a domain (RFC 1035, 2.3.4).
const LOCAL_PART_MAX: usize = 64;
const LABEL_MAX: usize = 63;

/// The form of an e-mail address under which it is stored, its domain in lower case; `None` when it is none. Atoms and dots of
/// RFC 5322, 3.2.3 before the @, two labels or more behind it, all ASCII: what every mail server takes.
pub fn email(text: &str) -> Option<String> {
    let (local, domain) = text.trim().split_once('@')?;
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = format!("{local}@{}", domain.to_ascii_lowercase());
    let fits = local.len() <= LOCAL_PART_MAX && address.len() <= EMAIL_CHARS_MAX;
    (fits && local.split('.').all(is_atom) && domain.contains('.') && domain.split('.').all(is_label))
        .then_some(address)
}

/// Words of a text for finding, lower-case, in order, each once.
pub fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut word = word.to_lowercase();
        while word.len() > WORD_BYTES_MAX {
            word.pop();
        }
        if !found.contains(&word) {
            found.push(word);
        }
        if found.len() == WORDS_MAX {
            break;
        }
    }
    found
}

/// Whether a text looks like it holds a card number: a run of 13 to 19 digits (blanks and dashes between them allowed) that
/// passes the Luhn check (ISO/IEC 7812-1, annex B) and begins as card networks' numbers do (2 to 6).
pub fn looks_like_card_number(text: &str) -> bool {
    let mut run: Vec<u8> = Vec::new();
    let mut found = false;
    for byte in text.bytes().chain(std::iter::once(b'x')) {
        match byte {
            b'0'..=b'9' => run.push(byte - b'0'),
            b' ' | b'-' if !run.is_empty() => {}
            _ => {
                found |= (13..=19).contains(&run.len()) && (2..=6).contains(&run[0]) && luhn(&run);
                run.clear();
            }
        }
    }
    found
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) * if index % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a text is an ISO 8601 date "YYYY-MM-DD" of a real day, years 1900 to 2999.
pub fn is_date(text: &str) -> bool {
    day_of(text).is_some()
}

/// Days since 1970-01-01 of an ISO 8601 date "YYYY-MM-DD", if it is a real day of the years 1900 to 2999.
pub(crate) fn day_of(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |from: usize, to: usize| {
        text.get(from..to)
            .filter(|part| part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if !(1900..=2999).contains(&year) || !(1..=days).contains(&day) {
        return None;
    }
    // Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`: years begin in March.
    let (from_march, years) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = 365 * years + years / 4 - years / 100 + years / 400 + day_of_year;
    i32::try_from(days).ok().map(|days| days - 719_468)
}

/// Whether a text has nothing but ASCII characters that can be printed, as most have.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Characters that leave no mark or turn the line around, and so make two texts look like one. Joiners, which scripts and
/// emoji need, are none of them.
pub(crate) fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_gs1() {
        for right in ["4006381333931", "96385074", "036000291452", "10012345678902", "ABC-1", "12345"] {
            assert_eq!(check_barcode(right), Ok(()), "{right}");
        }
        assert_eq!(check_barcode("4006381333932"), Err(BarcodeFault::CheckDigit));
        for wrong in ["", "with blank", "ä", &"9".repeat(49)] {
            assert_eq!(check_barcode(wrong), Err(BarcodeFault::Malformed), "{wrong}");
        }
    }

    #[test]
    fn phones_are_one_number_however_written() {
        for text in ["0812-3456-789", "+62 812 3456 789", "628123456789", "(0812) 3456789"] {
            assert_eq!(phone(text).as_deref(), Some("628123456789"), "{text}");
        }
        assert_eq!(phone("12"), None);
        assert_eq!(phone("call me"), None);
    }

    #[test]
    fn email_addresses_have_a_name_and_a_domain() {
        assert_eq!(
            email(" Sri.Wahyuni+toko@Example.CO.ID ").as_deref(),
            Some("Sri.Wahyuni+toko@example.co.id")
        );
        let longest_domain = format!("{0}.{0}.{1}", "d".repeat(63), "e".repeat(61));
        let longest = format!("{}@{longest_domain}", "l".repeat(64));
        assert_eq!((longest.len(), email(&longest)), (EMAIL_CHARS_MAX, Some(longest.clone())));
        let refused = [
            "sri",
            "@toko.id",
            "sri@",
            "sri@toko",
            "sri@@toko.id",
            "a@b@toko.id",
            ".sri@toko.id",
            "sri.@toko.id",
            "s..i@toko.id",
            "s ri@toko.id",
            "sri@-toko.id",
            "sri@toko-.id",
            "sri@toko..id",
            "sri@toko.id.",
            "sri@to_ko.id",
            "śri@toko.id",
            "sri@tokó.id",
            "sri@[127.0.0.1]",
            "\"sri\"@toko.id",
            "sri\r@toko.id",
            "<sri@toko.id>",
            "sri@toko.id,budi@toko.id",
        ];
        for text in refused {
            assert_eq!(email(text), None, "{text}");
        }
        for text in [format!("l{longest}"), format!("a@{}.id", "d".repeat(64)), format!("{longest}e")] {
            assert_eq!(email(&text), None, "{text}");
        }
    }

    #[test]
    fn card_numbers_are_seen() {
        assert!(looks_like_card_number("4111 1111 1111 1111"));
        assert!(looks_like_card_number("ref 5555-5555-5555-4444 ok"));
        assert!(!looks_like_card_number("4111 1111 1111 1112"));
        assert!(!looks_like_card_number("0812 3456 7890 123"));
        assert!(!looks_like_card_number("AUTH 123456"));
    }

    #[test]
    fn dates_are_real_days() {
        assert!(is_date("2024-02-29"));
        for wrong in [
            "2023-02-29",
            "2026-13-01",
            "2026-1-01",
            "26-01-01",
            "2026-00-10",
            "2026-01-00",
            "2026/01/01",
            "+026-01-01",
        ] {
            assert!(!is_date(wrong), "{wrong}");
        }
    }

    #[test]
    fn words_are_lower_case_and_each_once() {
        assert_eq!(words("Kopi Bubuk, KOPI 200g"), ["kopi", "bubuk", "200g"]);
    }
}
