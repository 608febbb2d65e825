//! Texts as they are stored, compared and shown.

use std::borrow::Cow;

use crate::model::MAX_DESCRIPTION_CHARS;

/// Longest piece of a file in a message.
const SHOWN_CHARS: usize = 40;

/// `text` without control characters and blanks at its ends, at most [`MAX_DESCRIPTION_CHARS`] of it.
pub fn tidy(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        let text = text.trim_matches(' ');
        return Cow::Borrowed(text.get(..MAX_DESCRIPTION_CHARS).unwrap_or(text).trim_end_matches(' '));
    }
    let clean: String =
        text.chars().map(|character| if is_shown(character) { character } else { ' ' }).collect();
    let cut: String = clean.trim_matches(' ').chars().take(MAX_DESCRIPTION_CHARS).collect();
    Cow::Owned(cut.trim_end_matches(' ').to_owned())
}

/// Whether a character can be seen, or is the plain blank. Other blanks, marks of direction and the like are not text.
pub(crate) fn is_shown(character: char) -> bool {
    character == ' '
        || !(character.is_control()
            || character.is_whitespace()
            || matches!(character,
                '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
                | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}'))
}

/// Appends `text` as it is compared: runs of blanks made one, upper case. The engine, which tells by this whether a row is known,
/// does the same.
pub(crate) fn normalise_into(text: &str, out: &mut String) {
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let start = out.len();
        if word.is_ascii() {
            out.push_str(word);
            out[start..].make_ascii_uppercase();
        } else {
            out.push_str(&word.to_uppercase());
        }
    }
}

/// `text` as it is compared: runs of blanks made one, upper case.
///
/// Banks pad the same text differently in different exports of the same day.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    normalise_into(text, &mut out);
    out
}

/// `text` in quotes, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("'{}{more}'", start.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_text_has_no_control_characters_and_no_blank_ends() {
        assert_eq!(tidy("  a\u{0}b\tc  "), "a b c");
        assert_eq!(tidy(" TRSF   CR "), "TRSF   CR");
        assert_eq!(tidy(&"é".repeat(600)).chars().count(), MAX_DESCRIPTION_CHARS);
        assert_eq!(tidy(&format!("{}  x", "y".repeat(499))).len(), 499);
    }

    #[test]
    fn texts_are_compared_without_padding_and_case() {
        assert_eq!(normalise("  Setoran \u{a0} tunai ß"), "SETORAN TUNAI SS");
    }

    #[test]
    fn a_shown_text_is_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), "'a\\nb'");
        assert_eq!(shown(&"x".repeat(50)), format!("'{}…'", "x".repeat(40)));
    }
}
