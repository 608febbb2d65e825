//! Which records stand on one line of a BAI2 file.

/// The first record of a line, without the `/` at its end, and what follows: some senders put several on one line. What follows
/// a `/` in a text may begin like a record: it is one only when it goes on like one.
pub(super) fn first_record(line: &str) -> (&str, &str) {
    for (at, _) in line.match_indices("/ ") {
        let rest = line[at + 1..].trim_start();
        if is_record(rest) {
            return (&line[..at], rest);
        }
    }
    (line.strip_suffix('/').unwrap_or(line), "")
}

/// Whether the fields that a record of its kind must have stand there.
fn is_record(text: &str) -> bool {
    let text = text.split_once('/').map_or(text, |(record, _)| record);
    let mut fields = text.split(',').map(str::trim);
    let code = fields.next().unwrap_or_default();
    let (first, second) = (fields.next(), fields.next());
    let is_number = |field: Option<&str>| {
        let digits = field.map(|field| field.strip_prefix(['+', '-']).unwrap_or(field));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match code {
        "01" => fields.count() >= 5,
        "02" => fields.count() >= 4,
        "03" => second.is_some_and(|currency| {
            currency.is_empty()
                || currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase())
        }),
        "16" => {
            first.is_some_and(|kind| kind.len() == 3)
                && is_number(first)
                && (second == Some("") || is_number(second))
        }
        "49" | "98" | "99" => is_number(first) && is_number(second),
        "88" => first.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_record() {
        assert_eq!(first_record("03,123,/ 16,195,5,Z,,,A/ 49,5,3/"), ("03,123,", "16,195,5,Z,,,A/ 49,5,3/"));
        assert_eq!(first_record("16,195,5,Z,,,A/ 88,B/"), ("16,195,5,Z,,,A", "88,B/"));
        for text in [
            "16,195,5,Z,,,PAY/ 03,05 INV",
            "16,195,5,Z,,,PAY/ 16,5,6",
            "16,195,5,Z,,,PAY/ 49, 3",
            "16,195,5,Z,,,A/ 02,B",
        ] {
            assert_eq!(first_record(text), (text, ""), "{text}");
        }
    }
}
