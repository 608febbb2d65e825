//! Goal: Moota's JSON is read exactly, and what cannot be read is named, never guessed.

mod common;

use common::{options, problems, read_in_pieces, rows, sample, sound, statements};
use kasir_statements::{Options, ProblemKind, StatementError};

fn mutation(changes: &[(&str, &str)]) -> String {
    let fields = [
        ("account_number", "\"0111222333\""),
        ("date", "\"2026-05-02 05:23:04\""),
        ("description", "\"SETORAN TUNAI\""),
        ("amount", "5000"),
        ("type", "\"CR\""),
        ("balance", "3799460.89"),
        ("mutation_id", "\"3ykVJxnwYkN\""),
    ];
    let changed = |name: &str| changes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let written = fields.map(|(name, value)| format!("\"{name}\": {}", changed(name).unwrap_or(value)));
    format!("{{{}}}", written.join(", "))
}

#[test]
fn the_samples() {
    let found = sound(&sample("indonesia/moota_webhook_push.json"), "moota");
    assert_eq!((found.account.number.as_str(), found.end.sums_checked), ("0000000000", false));
    assert_eq!(
        rows(&found),
        [
            ("2021-09-30".to_owned(), 500_000, None, "Pembayaran point moota"),
            ("2021-09-30".to_owned(), 1_000_000, None, "PRMA CR Transfer 111111111111111"),
        ]
    );
    let found = sound(&sample("indonesia/moota_mutation_list.json"), "moota");
    let amounts: Vec<i64> = found.rows.iter().map(|row| row.amount_minor).collect();
    assert_eq!(amounts, [1_211_100, 10_011_200, 10_011_200, 10_011_200, -13_528_700, -13_528_700]);
    assert!(found.rows.iter().all(|row| row.occurrence == 1));
}

#[test]
fn amounts_are_exact() {
    for (written, minor) in
        [("0.29", 29), ("\"12111.00\"", 1_211_100), ("\"9999999999999.99\"", 999_999_999_999_999)]
    {
        let file = format!("[{}]", mutation(&[("amount", written)]));
        assert_eq!(sound(file.as_bytes(), "moota").rows[0].amount_minor, minor);
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    for change in [
        ("amount", "null"),
        ("amount", "true"),
        ("amount", "-5"),
        ("amount", "\"5.000,00\""),
        ("amount", "\"150.000\""),
        ("amount", "1e30"),
        ("amount", "[1]"),
        ("type", "\"XX\""),
        ("date", "\"yesterday\""),
        ("date", "\"2026-02-30\""),
        ("mutation_id", "\"\""),
        ("account_number", "\"IBAN\""),
    ] {
        let file = format!("[{}, {}]", mutation(&[("mutation_id", "\"first\"")]), mutation(&[change]));
        assert_eq!(problems(file.as_bytes(), "moota"), [(2, ProblemKind::UnreadableRow)], "{change:?}");
    }
}

#[test]
fn accounts_stand_in_the_order_of_their_first_mutations() {
    let other = mutation(&[("account_number", "\"444\""), ("mutation_id", "\"b\"")]);
    let file = format!("{{\"status\": true, \"data\": [{}, {other}, {}]}}", mutation(&[]), mutation(&[]));
    let found = statements(file.as_bytes(), "moota");
    let numbers: Vec<_> = found.iter().map(|s| (s.account.number.as_str(), s.rows.len())).collect();
    assert_eq!(numbers, [("0111222333", 1), ("444", 1)]);
    assert!(found[0].rows.iter().all(|row| row.reference_is_unique));
}

#[test]
fn a_mutation_that_cannot_be_placed_opens_no_account() {
    let good = mutation(&[("mutation_id", "\"b\"")]);
    for number in ["123", "\"abc\"", "null"] {
        let bad = mutation(&[("account_number", number)]);
        for (file, wrong) in [(format!("[{bad}, {good}]"), 1), (format!("[{good}, {bad}]"), 2)] {
            let found = statements(file.as_bytes(), "moota");
            assert_eq!((found.len(), found[0].rows.len()), (1, 1), "{file}");
            assert_eq!(problems(file.as_bytes(), "moota"), [(wrong, ProblemKind::UnreadableRow)], "{file}");
        }
    }
}

#[test]
fn an_id_is_of_one_mutation() {
    let same = format!("[{}, {}]", mutation(&[]), mutation(&[("balance", "1")]));
    assert_eq!(sound(same.as_bytes(), "moota").rows.len(), 1);
    for change in
        [("amount", "5001"), ("type", "\"DB\""), ("description", "\"X\""), ("account_number", "\"4\"")]
    {
        let file = format!("[{}, {}]", mutation(&[]), mutation(&[change]));
        assert_eq!(problems(file.as_bytes(), "moota"), [(2, ProblemKind::UnreadableRow)], "{change:?}");
    }
}

#[test]
fn texts_that_no_encoding_can_carry_are_cleaned() {
    let file = format!("[{}]", mutation(&[("description", "\"a\\ud800b\\u0000c \\ud83d\\ude00\"")]));
    assert_eq!(sound(file.as_bytes(), "moota").rows[0].description, "a b c 😀");
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let long = "9".repeat(600_000);
    for file in [
        format!("[\"mutation_id\",{long}]"),
        format!("[{}]", mutation(&[("description", &format!("\"{long}\""))])),
        format!("{{\"mutation_id\": 1, \"{long}\": 1}}"),
        format!("[\"mutation_id\", [{}1]]", "1,".repeat(300_000)),
        format!("[\"mutation_id\", {}", "[".repeat(200_000)),
    ] {
        let options = Options { format: Some("moota"), ..options() };
        let refused = read_in_pieces(file.as_bytes(), 4_096, &options);
        assert!(matches!(refused, Err(StatementError::Broken(_))), "{refused:?}");
    }
}
