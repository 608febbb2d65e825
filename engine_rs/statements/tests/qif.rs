//! Goal: QIF files are read right, or refused with the line named.

mod common;

use std::fmt::Write as _;

use common::{iso, options, problems, read_in_pieces, rows, sound, statements};
use kasir_statements::ProblemKind::{Structure, UnreadableRow};
use kasir_statements::{Options, StatementError};
use proptest::prelude::*;

const FORMAT: &str = "qif";

const FILE: &str = "!Type:Bank\nD25/11'26\nT-1,234.56\nPBUDI SANTOSO\nMORDER 7\nN1001\nLFood\nSFood\n$-1,234.56\n^\nD1/ 2'26\nU500\nPSALARY\n^\n";

fn refusal(text: &str) -> String {
    let error: StatementError = read_in_pieces(text.as_bytes(), 100, &options()).expect_err("it is refused");
    error.to_string()
}

#[test]
fn mutations_of_an_account() {
    let found = sound(FILE.as_bytes(), FORMAT);
    assert_eq!(
        rows(&found),
        [
            ("2026-11-25".to_owned(), -123_456, None, "BUDI SANTOSO ORDER 7 1001"),
            ("2026-02-01".to_owned(), 50_000, None, "SALARY"),
        ]
    );
    assert_eq!((found.rows[0].row, found.rows[0].counterparty.as_str()), (2, "BUDI SANTOSO"));
    assert_eq!((found.account.number.as_str(), found.account.currency.as_str()), ("", "IDR"));
    assert!(!found.end.sums_checked);
}

#[test]
fn dates_and_amounts_are_written_as_the_whole_file_shows() {
    let month_first = FILE.replace("25/11'26", "11/25/2026").replace("-1,234.56", "-1.234,56");
    let found = sound(month_first.as_bytes(), FORMAT);
    let read: Vec<(String, i64)> = found.rows.iter().map(|row| (iso(row.date), row.amount_minor)).collect();
    assert_eq!(read, [("2026-11-25".to_owned(), -123_456), ("2026-01-02".to_owned(), 50_000)]);
    assert!(refusal(&FILE.replace("25/11", "5/11")).contains("whether day or month stands first"));
    assert!(refusal(&FILE.replace("-1,234.56", "-1,234")).contains("point or comma"));
    assert!(refusal(&FILE.replace("1/ 2'26", "1/13'26")).contains("in others the month"));
}

#[test]
fn a_mapping_says_what_the_file_cannot() {
    let text = FILE.replace("25/11", "5/11").replace("-1,234.56", "-1,234");
    let mapping =
        "currency = \"KWD\"\naccount = \"77\"\ndate_format = \"DD/MM'YY\"\ndecimal = \".\"\nnegate = true\n";
    let options = Options { mapping: Some(mapping), ..options() };
    let text = text.replace("1/ 2'26", "1/2'26");
    let (summary, found) = read_in_pieces(text.as_bytes(), 7, &options).expect("it can be read");
    assert_eq!((summary.format, found[0].account.number.as_str()), (FORMAT, "77"));
    let read: Vec<(String, i64)> =
        found[0].rows.iter().map(|row| (iso(row.date), row.amount_minor)).collect();
    assert_eq!(read, [("2026-11-05".to_owned(), 1_234_000), ("2026-02-01".to_owned(), -500_000)]);
}

#[test]
fn several_accounts_and_what_is_none() {
    let text = "!Option:AutoSwitch\n!Account\nN111\nTBank\n^\nNSavings\n^\n!Clear:AutoSwitch\n!Type:Cat\nNFood\n^\n!Account\nN111\n^\n!Type:Bank\nD25/11/2026\nT5.00\nPOpening Balance\n^\nD25/11/2026\nT7.00\nPA\n^\n!Account\nNSavings\n^\n!Type:CCard\nD26/11/2026\nT-1.00\nPB\n^\n!Type:Invst\nD26/11/2026\nT9.00\n^\n";
    let found = statements(text.as_bytes(), FORMAT);
    let told: Vec<(&str, Option<i64>, Vec<i64>)> = found
        .iter()
        .map(|s| {
            (
                s.account.number.as_str(),
                s.end.opening_minor,
                s.rows.iter().map(|row| row.amount_minor).collect(),
            )
        })
        .collect();
    assert_eq!(told, [("111", Some(500), vec![700]), ("", None, vec![-100])]);
}

#[test]
fn only_the_first_record_can_be_the_opening_balance() {
    let text = "!Type:Bank\nD25/11'26\nT100.00\nPOpening Balance\n^\nD25/11'26\nT10.00\nPBudi\n^\nD26/11'26\nT5.00\nPSaldo Awal\n^\n";
    for (mapping, sign) in [("account = \"9\"", 1), ("account = \"9\"\nnegate = true", -1)] {
        let options = Options { mapping: Some(mapping), ..options() };
        let (_, found) = read_in_pieces(text.as_bytes(), 100, &options).expect("it can be read");
        let amounts: Vec<i64> = found[0].rows.iter().map(|row| row.amount_minor).collect();
        assert_eq!(
            (found[0].end.opening_minor, amounts),
            (Some(sign * 10_000), vec![sign * 1_000, sign * 500])
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(problems(FILE.replace("U500", "U5..00").as_bytes(), FORMAT), [(11, UnreadableRow)]);
    assert_eq!(problems(FILE.replace("1/ 2'26", "31/ 2'26").as_bytes(), FORMAT), [(11, UnreadableRow)]);
    assert_eq!(problems(FILE.trim_end_matches("^\n").as_bytes(), FORMAT), [(11, UnreadableRow)]);
    assert_eq!(problems(b"!Type:Cat\nNFood\n^\n", FORMAT), [(0, Structure)]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        mutations in prop::collection::vec((1..29_u8, -99_999_999..99_999_999_i64, "[A-Z][A-Z ]{0,20}[A-Z]"), 1..20),
        month_first in any::<bool>(),
        comma in any::<bool>(),
    ) {
        // The first leaves no doubt about the order.
        let mut text = "!Type:Bank\n".to_owned();
        let all = std::iter::once((28, 150, "FIRST".to_owned())).chain(mutations.iter().cloned());
        let all: Vec<(u8, i64, String)> = all.collect();
        for (day, minor, name) in &all {
            let day = if month_first { format!("11/{day}'26") } else { format!("{day}/11'26") };
            let sign = if *minor < 0 { "-" } else { "" };
            let amount = format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100);
            let amount = if comma { amount.replace('.', ",") } else { amount };
            write!(text, "D{day}\nT{amount}\nP{name}\n^\n").expect("a text takes everything");
        }
        let found = sound(text.as_bytes(), FORMAT);
        let read: Vec<(String, i64, &str)> =
            found.rows.iter().map(|row| (iso(row.date), row.amount_minor, row.counterparty.as_str())).collect();
        let expected: Vec<(String, i64, &str)> =
            all.iter().map(|(day, minor, name)| (format!("2026-11-{day:02}"), *minor, name.as_str())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(text in "(![A-Z][a-z]{3}(:[A-Z][a-z]{3})?\n|[DTPMNU^][0-9/'.,-]{0,8}\n){0,12}") {
        let _ = read_in_pieces(text.as_bytes(), 64, &options());
    }
}
