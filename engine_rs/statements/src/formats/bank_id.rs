//! Whether what a file gives as a reference names one mutation.

/// Placeholders and the like are shorter.
const LEAST_CHARS: usize = 12;
/// Words are no numbers.
const LEAST_DIGITS: usize = 6;

/// Whether `text` is an id that a bank gives to one mutation only: long, written in capitals and digits, and not all the same.
///
/// A wrong id is worse than none: two payments of one amount under it would be taken for one, while rows without an id are told
/// apart by day, text and count.
pub(super) fn is_bank_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= LEAST_CHARS
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-/._".contains(byte))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= LEAST_DIGITS
        && bytes.iter().any(|byte| *byte != bytes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_what_is_none() {
        for id in ["0724710333343453", "MB170119012058", "B4E07XM00J000023", "AAAASESS-FP-CN_98765/01"] {
            assert!(is_bank_id(id), "{id}");
        }
        for text in [
            "",
            "NONREF",
            "NOTPROVIDED",
            "70201234",
            "Gebyrer ifolge",
            "000000000000",
            "nota 20260101",
            "SP4738",
        ] {
            assert!(!is_bank_id(text), "{text}");
        }
    }
}
