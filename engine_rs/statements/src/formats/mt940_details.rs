//! Field `:86:` of MT940 and MT942: the text of a mutation, in the ways banks structure it.
//!
//! - German: `166?00GUTSCHRIFT?20EREF+…?32NAME?33MORE OF IT`; any separator in place of `?`.
//! - Dutch, Belgian and others: `/BENM//NAME/JOHN DOE/REMI/Reference 7/`.
//! - Polish: `…; OD: JAN NOWAK UL. NIJAKA 1; TYT.: …`.
//! - Plain text, its lines cut at 65 characters.

use std::borrow::Cow;

/// The text as one line, and who paid or was paid, when it says so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) text: String,
    pub(super) counterparty: String,
}

/// A subfield of the German structure; a full one goes on in the next without a blank.
const SUBFIELD_CHARS: usize = 27;
/// A line of a SWIFT message; a full one goes on in the next without a blank.
const LINE_CHARS: usize = 65;
/// Codes between slashes that can follow a name. A name may hold slashes itself.
const SLASH_CODES: [&str; 29] = [
    "ACCW", "ADDR", "BENM", "BIC", "CHGS", "CNTP", "CSID", "EREF", "EXCH", "IBAN", "ID", "ISDT", "KREF",
    "MARF", "NAME", "OCMT", "ORDP", "PREF", "PURP", "REMI", "RTRN", "SVCL", "TRCD", "TRTP", "UDTR", "UCRD",
    "ULTB", "ULTC", "ULTD",
];
/// What stands before the other party's name in texts without a structure.
const NAME_LABELS: [(&str, char); 4] =
    [("; OD: ", ';'), ("; DLA: ", ';'), ("/NAAM: ", '\n'), (" NAAM: ", '\n')];

impl Details {
    /// Reads the content of `:86:` fields that belong to one mutation, lines separated by `\n`.
    pub(super) fn parse(field: &str) -> Self {
        if let Some(separator) = subfield_separator(field) {
            return german(field, separator);
        }
        let slashes = without_breaks(field);
        if let Some(name) = slash_name(&slashes) {
            return Details { text: one_line(field), counterparty: squeezed(name) };
        }
        Details { text: one_line(field), counterparty: squeezed(labelled_name(field)) }
    }
}

/// `:NS:` below a mutation, what German banks write outside the standard: `01`–`14` purpose, `15` and `16` the other
/// party, `17` the kind of booking, one a line.
pub(super) fn non_swift(field: &str) -> Details {
    let mut found = Details::default();
    for line in field.lines() {
        let Some((Ok(code), rest)) = line.split_at_checked(2).map(|(code, rest)| (code.parse::<u8>(), rest))
        else {
            continue;
        };
        match code {
            1..=14 | 17 => push_word(&mut found.text, rest.trim()),
            15 | 16 => push_word(&mut found.counterparty, rest.trim()),
            _ => {}
        }
    }
    found
}

/// The character before each subfield, when `field` has the German structure: three digits, it, two digits.
fn subfield_separator(field: &str) -> Option<char> {
    let (code, rest) = field.split_at_checked(3)?;
    let mut rest = rest.chars().filter(|&character| character != '\n');
    let separator = rest.next()?;
    let digits = [rest.next()?, rest.next()?];
    (code.bytes().all(|byte| byte.is_ascii_digit())
        && digits.iter().all(char::is_ascii_digit)
        && !separator.is_alphanumeric()
        && !separator.is_whitespace()
        && !matches!(separator, '.' | ',' | '-' | '/'))
    .then_some(separator)
}

fn german(field: &str, separator: char) -> Details {
    let joined = without_breaks(field);
    let mut found = Details::default();
    let (mut text_is_full, mut name_is_full) = (false, false);
    for subfield in joined.split(separator).skip(1) {
        let Some((code, value)) = subfield.split_at_checked(2) else {
            continue;
        };
        let Ok(code) = code.parse::<u8>() else {
            // The separator as a character of the text.
            found.text.push(separator);
            found.text.push_str(subfield);
            continue;
        };
        let is_full = value.len() >= SUBFIELD_CHARS && value.chars().count() >= SUBFIELD_CHARS;
        match code {
            0 | 20..=29 | 60..=63 => {
                push_piece(&mut found.text, value, text_is_full);
                text_is_full = is_full && code != 0;
            }
            32 | 33 => {
                push_piece(&mut found.counterparty, value, name_is_full);
                name_is_full = is_full;
            }
            _ => {}
        }
    }
    found.text = squeezed_text(found.text);
    found.counterparty = squeezed_text(found.counterparty);
    found
}

/// The name in `/NAME/…/` or `/ORDP/…/`, `/BENM/…/`, or as the third part behind `/CNTP/`.
fn slash_name(text: &str) -> Option<&str> {
    for code in ["/NAME/", "/ORDP/", "/BENM/"] {
        if let Some((_, rest)) = text.split_once(code) {
            let name = up_to_code(rest);
            if !name.trim_matches(['/', ' ']).is_empty() {
                return Some(name.trim_end_matches('/'));
            }
        }
    }
    let (_, rest) = text.split_once("/CNTP/")?;
    let name = rest.split('/').nth(2)?;
    (!name.trim().is_empty()).then_some(name)
}

/// `text` up to the next code between slashes.
fn up_to_code(text: &str) -> &str {
    text.match_indices('/')
        .find(|&(at, _)| text[at + 1..].split_once('/').is_some_and(|(code, _)| SLASH_CODES.contains(&code)))
        .map_or(text, |(at, _)| &text[..at])
}

fn labelled_name(field: &str) -> &str {
    NAME_LABELS
        .iter()
        .find_map(|&(label, end)| Some(field.split_once(label)?.1.split(end).next().unwrap_or_default()))
        .unwrap_or_default()
}

/// The lines as one, a blank between two unless the first was cut at its full length.
fn one_line(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut is_full = false;
    for line in field.lines() {
        push_piece(&mut text, line, is_full);
        is_full = line.len() >= LINE_CHARS && line.chars().count() >= LINE_CHARS && !line.ends_with(' ');
    }
    squeezed_text(text)
}

fn push_piece(text: &mut String, piece: &str, goes_on: bool) {
    if goes_on {
        text.push_str(piece);
    } else {
        push_word(text, piece);
    }
}

fn push_word(text: &mut String, word: &str) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

fn without_breaks(field: &str) -> Cow<'_, str> {
    if field.contains('\n') { Cow::Owned(field.replace('\n', "")) } else { Cow::Borrowed(field) }
}

/// `text` as it is when there is nothing to squeeze.
fn squeezed_text(text: String) -> String {
    let bytes = text.as_bytes();
    let is_plain = bytes.iter().all(|byte| (b' '..0x7f).contains(byte));
    let has_ends = bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ');
    if is_plain && !has_ends && !text.contains("  ") { text } else { squeezed(&text) }
}

/// `text` with runs of blanks made one and none at its ends.
pub(super) fn squeezed(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        push_word(&mut found, word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(field: &str) -> (String, String) {
        let found = Details::parse(field);
        (found.text, found.counterparty)
    }

    #[test]
    fn german_subfields_wrapped_anywhere() {
        let field = "166?00GUTSCHRIFT?100399?20EREF+TFNR 0300300004?21SVWZ+Strukturier\nter Verwend?22ungszweck 30030004 DE?3\n0DRESDEFF508?31DE03508800500\n194791600?32KARL?33        KAUFMANN?70Empfaenger";
        let (text, name) = details(field);
        assert_eq!(text, "GUTSCHRIFT EREF+TFNR 0300300004 SVWZ+Strukturierter Verwendungszweck 30030004 DE");
        assert_eq!(name, "KARL KAUFMANN");
    }

    #[test]
    fn a_full_subfield_goes_on_without_a_blank() {
        let field = "000>100987654321\n>20ALGEMENE TUSSENREKENING KOS>21TEN VAN 01-10-2010";
        assert_eq!(details(field).0, "ALGEMENE TUSSENREKENING KOSTEN VAN 01-10-2010");
    }

    #[test]
    fn names_between_slashes() {
        for (field, name) in [
            (
                "/EREF/01-01-2013 12:00 0030000987654321/BENM//NAME/CONTRA ACCOUN\nT HOLDER/REMI//ISDT/2013-07-11",
                "CONTRA ACCOUNT HOLDER",
            ),
            ("/ORDP//NAME/A/B TRADING/REMI/x", "A/B TRADING"),
            ("/CNTP/NL32INGB0000012345/INGBNL2A/ING BANK///REMI/USTD//text/", "ING BANK"),
            ("/ORDP/JOHN DOE/REMI/x", "JOHN DOE"),
            ("/TRTP/SEPA OVERBOEKING/IBAN/NL1/BIC/RABONL2U/NAME/H DE VRIES/EREF/NOTPROVIDED", "H DE VRIES"),
            ("12160475 ORDERID: 264267\nREK: NL84INGB0234561789/NAAM: MMS ONLINE B.V.", "MMS ONLINE B.V."),
            (
                "911 COLLECT; Z RACH.: \n56114; OD: JAN NOWAK  \nUL. NIJAKA 1; TYT.: X",
                "JAN NOWAK UL. NIJAKA 1",
            ),
            ("DBT.DB  - 70201234", ""),
            ("", ""),
        ] {
            assert_eq!(details(field).1, name, "{field}");
        }
    }

    #[test]
    fn plain_lines_become_one() {
        assert_eq!(details("Terugboeking   \nNIET AKKOORD  ").0, "Terugboeking NIET AKKOORD");
        let cut = format!("{}\ndone", "x".repeat(65));
        assert_eq!(details(&cut).0, format!("{}done", "x".repeat(65)));
    }

    #[test]
    fn text_outside_the_standard() {
        let found =
            non_swift("01Verwendungszweck 1\n02Verwendungszweck 2\n15Empfänger\n17Buchungstext\n1812345\n1");
        assert_eq!(found.text, "Verwendungszweck 1 Verwendungszweck 2 Buchungstext");
        assert_eq!(found.counterparty, "Empfänger");
    }
}
