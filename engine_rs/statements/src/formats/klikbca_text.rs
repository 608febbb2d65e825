//! What mutation texts of BCA tell: who paid, and the day of a row that is not posted yet.
//!
//! The bank cuts names and notes off and glues them together, so all of this is a hint, never an identity.

/// Notes are two fields of this width, padded with blanks or cut off; then comes the name, at most as wide.
const FIELD: usize = 18;

/// The payer's or payee's name where the text shows where it begins; else empty.
pub(super) fn counterparty(description: &str) -> &str {
    let name = match e_banking(description) {
        Some(rest) => last_field(rest.trim()),
        None => match transfer(description).or_else(|| clearing(description)) {
            Some(rest) => until_gap(rest.trim()),
            None => return "",
        },
    };
    if is_name(name) { name } else { "" }
}

/// The day of the transaction as "DD/MM", or none when the text names none.
pub(super) fn day_in_text(description: &str) -> Option<String> {
    let mut e_banking = description.split("E-BANKING ").skip(1);
    let dated = e_banking.find_map(|rest| {
        let rest = rest.strip_prefix("CR ").or_else(|| rest.strip_prefix("DB "))?;
        let (day, rest) = rest.split_at_checked(2)?;
        let (month, rest) = rest.split_at_checked(2)?;
        (is_day(day, month) && rest.starts_with('/')).then(|| format!("{day}/{month}"))
    });
    dated.or_else(|| {
        description.split("TANGGAL").skip(1).find_map(|rest| {
            let rest = rest.strip_prefix(' ').unwrap_or(rest).strip_prefix(':')?;
            let (day, rest) = rest.split_at_checked(2)?;
            let (month, _) = rest.strip_prefix('/')?.split_at_checked(2)?;
            is_day(day, month).then(|| format!("{day}/{month}"))
        })
    })
}

fn is_day(day: &str, month: &str) -> bool {
    let fits = |text: &str, tens: std::ops::RangeInclusive<u8>| {
        let bytes = text.as_bytes();
        tens.contains(&bytes[0]) && bytes[1].is_ascii_digit()
    };
    fits(day, b'0'..=b'3') && fits(month, b'0'..=b'1')
}

/// Notes and name behind "TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00".
fn e_banking(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("TRSF E-BANKING ")?;
    let rest = rest.strip_prefix("CR ").or_else(|| rest.strip_prefix("DB "))?;
    let (day, rest) = rest.split_at_checked(4)?;
    if !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_prefix("/FTSCY/")?;
    let terminal = rest.find(char::is_whitespace).filter(|end| *end > 0)?;
    let amount = rest[terminal..].trim_start();
    let point = amount.find(|character: char| !character.is_ascii_digit()).filter(|end| *end > 0)?;
    let (cents, rest) = amount[point..].strip_prefix('.')?.split_at_checked(2)?;
    cents.bytes().all(|byte| byte.is_ascii_digit()).then_some(rest)
}

/// The name behind "BI-FAST CR TRANSFER   DR 014" or "SWITCHING CR TRANSFER DR 008": DR is "dari" (from), KE is "to".
fn transfer(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("BI-FAST ").or_else(|| text.strip_prefix("SWITCHING "))?;
    let rest = rest.strip_prefix("CR ").or_else(|| rest.strip_prefix("DB "))?;
    rest.match_indices("DR ")
        .chain(rest.match_indices("KE "))
        .filter_map(|(at, _)| {
            let is_word =
                !rest[..at].ends_with(|character: char| character.is_alphanumeric() || character == '_');
            let (bank, name) = rest[at + 3..].split_at_checked(3)?;
            let fits = is_word && bank.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| name.strip_prefix(' ')).flatten().map(|name| (at, name))
        })
        .min_by_key(|(at, _)| *at)
        .map(|(_, name)| name)
}

/// The name behind "KR OTOMATIS LLG-MANDIRI" or "KR OTOMATIS LLG-ANTAR BANK".
fn clearing(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("KR OTOMATIS ")?;
    let rest = rest.strip_prefix("LLG-").or_else(|| rest.strip_prefix("RTGS-"))?;
    let name = match rest.strip_prefix("ANTAR BANK") {
        Some(name) if name.starts_with(char::is_whitespace) => name,
        _ => &rest[rest.find(char::is_whitespace).filter(|end| *end > 0)?..],
    };
    Some(name)
}

/// What stands before two blanks.
fn until_gap(text: &str) -> &str {
    let blanks = text.char_indices().zip(text.chars().skip(1));
    let gap = blanks.into_iter().find(|((_, one), next)| one.is_whitespace() && next.is_whitespace());
    gap.map_or(text, |((at, _), _)| &text[..at])
}

/// The name behind the notes, or empty when nothing shows where it begins.
fn last_field(text: &str) -> &str {
    let mut blanks = 0;
    for (at, character) in text.char_indices().rev() {
        if character.is_whitespace() {
            blanks += 1;
            continue;
        }
        if blanks > 1 {
            return text[at + character.len_utf8()..].trim_start();
        }
        blanks = 0;
    }
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if starts.len() <= FIELD {
        return text;
    }
    // Notes that fill their fields leave no blank before the name.
    let fields = if starts.len() > 2 * FIELD { 2 } else { 1 };
    text[starts[fields * FIELD]..].trim()
}

/// Begins with a letter and has no digit.
fn is_name(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && !text.contains(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_begin() {
        let cases = [
            (
                "TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00Transfer pembayaran invoice           ACME CORP",
                "ACME CORP",
            ),
            ("TRSF E-BANKING DB 2509/FTSCY/WS95051     150000.00 ANDI", "ANDI"),
            (
                "TRSF E-BANKING CR 0205/FTSCY/WS95031         100.00pesanan nomor dua puluh lima warna mBUDI SANTOSO",
                "BUDI SANTOSO",
            ),
            ("BI-FAST CR TRANSFER   DR 014 SITI AMINAH", "SITI AMINAH"),
            ("BI-FAST DB TRANSFER   KE 008 TOKO MAJU  KCP 12", "TOKO MAJU"),
            ("SWITCHING CR TRANSFER DR 008 RUDI", "RUDI"),
            ("KR OTOMATIS LLG-MANDIRI PT MAJU JAYA", "PT MAJU JAYA"),
            ("KR OTOMATIS LLG-ANTAR BANK PT MAJU JAYA", "PT MAJU JAYA"),
            ("SETORAN TUNAI", ""),
            ("TRSF E-BANKING CR 0205/FTSCY/WS95031         100.00PESANAN 12", ""),
            ("BI-FAST CR", ""),
        ];
        for (text, name) in cases {
            assert_eq!(counterparty(text), name, "{text}");
        }
    }

    #[test]
    fn the_day_of_a_text() {
        assert_eq!(day_in_text("TRSF E-BANKING CR 0405/FTSCY/WS95031").as_deref(), Some("04/05"));
        assert_eq!(day_in_text("KARTU DEBIT TANGGAL :12/11 TOKO").as_deref(), Some("12/11"));
        assert_eq!(day_in_text("BIAYA TANGGAL:01/12").as_deref(), Some("01/12"));
        for text in ["SETORAN", "E-BANKING CR 4405/", "TANGGAL :é1/12", "E-BANKING CR é"] {
            assert_eq!(day_in_text(text), None, "{text}");
        }
    }
}
