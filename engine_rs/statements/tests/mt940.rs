//! Goal: MT940 and MT942 of every dialect we know are read right, or refused with the line named.

mod common;

use common::{iso, options, problems, read_in_pieces, rows, sample, sound, statements};
use kasir_statements::ProblemKind::{Balance, Structure, Total, UnreadableRow};
use proptest::prelude::*;

const FORMAT: &str = "mt940";

fn message(rows: &[&str], closing: &str) -> String {
    let rows = rows.join("\r\n");
    format!(
        ":20:STARTUMS\r\n:25:87052000/123456789\r\n:28C:1/1\r\n:60F:C261124EUR100,00\r\n{rows}\r\n:62F:{closing}\r\n-\r\n"
    )
}

#[test]
fn samples_hold_what_they_hold() {
    for (name, accounts, count, sum, wrong) in [
        ("jejik_rabobank.txt", 2, 5, -158_909, vec![(11, Total), (16, Balance), (22, Balance), (28, Total)]),
        ("jejik_sparkasse.txt", 1, 2, -4_000, vec![]),
        ("rs_MT940_DK_Example.sta", 1, 89, 137_245_277, vec![]),
        ("rs_invalid_utf8.sta", 1, 7, -101_221_350, vec![(40, Total)]),
        ("wolph_betterplace_sepa_snippet.sta", 2, 11, -214_332_339, vec![(55, Total)]),
        ("wolph_mBank_mt940.sta", 1, 3, 3, vec![]),
        ("wolph_self-provided_multiline.sta", 1, 2, 11_400, vec![(38, Structure)]),
    ] {
        let data = sample(&format!("mt940/{name}"));
        let found = statements(&data, FORMAT);
        let amounts: Vec<i64> =
            found.iter().flat_map(|s| s.rows.iter().map(|row| row.amount_minor)).collect();
        assert_eq!(
            (found.len(), amounts.len(), amounts.iter().sum::<i64>()),
            (accounts, count, sum),
            "{name}"
        );
        assert_eq!(problems(&data, FORMAT), wrong, "{name}");
    }
}

#[test]
fn a_german_row_with_its_reference_and_its_other_party() {
    let found = statements(&sample("mt940/wolph_betterplace_sepa_snippet.sta"), FORMAT);
    let row = &found[0].rows[0];
    assert_eq!(
        (iso(row.date), row.value_date.map(iso)),
        ("2007-09-04".to_owned(), Some("2007-09-07".to_owned()))
    );
    assert_eq!(row.amount_minor, 5_099_005);
    assert_eq!(
        (row.bank_reference.as_str(), row.counterparty.as_str()),
        ("0724710333343453", "KARL KAUFMANN")
    );
    assert!(row.description.starts_with("GUTSCHRIFT EREF+EndToEndId TFNR 22 004 00001 SVWZ+Verw CTSc-01"));
    assert_eq!(found[1].account.number, "0194791600888");
}

#[test]
fn letters_that_are_not_utf8_are_taken_for_windows_1252() {
    let found = statements(&sample("mt940/rs_invalid_utf8.sta"), FORMAT);
    assert_eq!(found[0].rows[0].amount_minor, 206_663_700);
    assert!(found[0].rows[0].description.contains("UV, napi ”sszevont"));
    assert_eq!(found[0].currency(), "HUF");
}

trait Currency {
    fn currency(&self) -> &str;
}

impl Currency for kasir_statements::Statement {
    fn currency(&self) -> &str {
        &self.account.currency
    }
}

#[test]
fn reversals_turn_the_direction_round() {
    let text = message(
        &[
            ":61:2611251125C10,00NTRFNONREF",
            ":61:2611251125D20,00NTRFNONREF",
            ":61:2611251125RC10,NTRFNONREF",
            ":61:2611251125RDR20,5NTRFNONREF",
            ":61:2611251125EC7,00NTRFNONREF",
        ],
        "C261125EUR100,50",
    );
    let found = sound(text.as_bytes(), FORMAT);
    let amounts: Vec<(i64, bool)> = found.rows.iter().map(|row| (row.amount_minor, row.pending)).collect();
    assert_eq!(amounts, [(1_000, false), (-2_000, false), (-1_000, false), (2_050, false), (700, true)]);
    assert!(found.end.sums_checked);
}

#[test]
fn a_booking_of_the_year_before_its_value_date_and_a_thirtieth_of_february() {
    let text = message(
        &[":61:2701021231C1,00NTRFNONREF", ":61:2602300301C1,00NTRFNONREF", ":61:261130C1,00NTRFNONREF"],
        "C270102EUR103,00",
    );
    let found = sound(text.as_bytes(), FORMAT);
    let days: Vec<(String, Option<String>)> =
        found.rows.iter().map(|row| (iso(row.date), row.value_date.map(iso))).collect();
    let day = |date: &str, value: &str| (date.to_owned(), Some(value.to_owned()));
    assert_eq!(
        days,
        [day("2026-12-31", "2027-01-02"), day("2026-03-01", "2026-02-28"), day("2026-11-30", "2026-11-30")]
    );
}

#[test]
fn envelopes_and_pages() {
    let page = |opening: &str, row: &str, closing: &str, end: &str| {
        format!(
            "{{1:F01KNABNL2HAXXX0000000000}}{{2:I940KNABNL2HXXXXN3020}}{{4:\r\n:20:X\r\n:25:NL71RABO0123456789\r\n:28C:1/1\r\n:{opening}\r\n{row}\r\n:{closing}\r\n{end}"
        )
    };
    let text = page(
        "60F:C261124EUR1,",
        ":61:261125C2,NTRFNONREF\r\n:86:/ORDP//NAME/BUDI SANTOSO/REMI/ORDER 7/",
        "62M:C261125EUR3,",
        "-}{5:{MAC:0}}\u{3}\u{1}",
    ) + &page("60M:C261125EUR3,", ":61:261126D0,5NTRFNONREF", "62F:C261126EUR2,5", "-}");
    let found = sound(text.as_bytes(), FORMAT);
    assert_eq!(found.account.number, "NL71RABO0123456789");
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(100), Some(250)));
    assert_eq!(found.rows[0].counterparty, "BUDI SANTOSO");
}

#[test]
fn a_text_may_begin_a_line_like_a_tag() {
    let text = message(
        &[":61:261125C1,NTRFNONREF", ":86:106?000000/661?20AT 12-09-2014T16", ":26:37 Fo?21lgenr. 007"],
        "C261125EUR101,",
    );
    assert_eq!(
        sound(text.as_bytes(), FORMAT).rows[0].description,
        "0000/661 AT 12-09-2014T16:26:37 Fo lgenr. 007"
    );
}

#[test]
fn an_interim_report_is_compared_with_its_counts() {
    let report = |debits: &str| {
        format!(
            ":20:X\n:25:GJB0291077111\n:28C:1/1\n:34F:JPY0,\n:13D:2611251730+0000\n:61:2611251125D500,NMSCNONREF\n:61:2611251125C300,NTRFNONREF\n:90D:{debits}\n:90C:1JPY300,\n-\n"
        )
    };
    let found = sound(report("1JPY500,").as_bytes(), FORMAT);
    let amounts: Vec<i64> = found.rows.iter().map(|row| row.amount_minor).collect();
    assert_eq!((amounts, found.end.sums_checked, found.currency()), (vec![-500, 300], true, "JPY"));
    for wrong in ["2JPY500,", "1JPY501,", "x"] {
        assert_eq!(problems(report(wrong).as_bytes(), FORMAT), [(8, Total)], "{wrong}");
    }
}

#[test]
fn equal_payments_stay_two() {
    let row = ":61:2611251125C50,00NTRFNONREF\r\n:86:SETORAN";
    let found = sound(message(&[row, row], "C261125EUR200,").as_bytes(), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.occurrence).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_is_wrong_is_named() {
    let garbled =
        message(&[":61:2611251125C1.000,00NTRFNONREF", ":61:2611251125C12,345NTRFNONREF"], "C261125EUR100,");
    assert_eq!(problems(garbled.as_bytes(), FORMAT), [(5, UnreadableRow), (6, UnreadableRow)]);
    let day = message(&[":61:2611311131C1,00NTRFNONREF"], "C261125EUR100,");
    assert_eq!(problems(day.as_bytes(), FORMAT), [(5, UnreadableRow)]);
    let whole = message(&[":61:2611251125C1,00NTRFNONREF"], "C261125EUR101,");
    let cut = &whole[..whole.find(":62F").expect("it has one")];
    assert_eq!(problems(cut.as_bytes(), FORMAT), [(1, Structure)]);
    let gap = whole.clone() + &whole.replace(":28C:1", ":28C:2");
    assert_eq!(problems(gap.as_bytes(), FORMAT), [(11, Balance)]);
    let other_currency = message(&[], "C261125USD100,");
    assert_eq!(problems(other_currency.as_bytes(), FORMAT), [(6, Structure)]);
    let unreadable_balance = whole.replace(":60F:C261124EUR100,00", ":60F:X");
    let error = read_in_pieces(unreadable_balance.as_bytes(), 100, &options()).expect_err("no currency");
    assert!(error.to_string().contains("currency is not known"), "{error}");
    let error = read_in_pieces(b":20:X\n:25:1\n", 100, &options()).expect_err("nothing in it");
    assert!(error.to_string().contains("cut off"), "{error}");
}

/// A statement of a day of November: its number, opening and closing balance, and amounts between.
fn day(number: u8, opening: i64, closing: i64, amounts: &[i64]) -> String {
    let rows = amounts
        .iter()
        .map(|amount| {
            let mark = if *amount < 0 { 'D' } else { 'C' };
            format!(":61:2611{number:02}11{number:02}{mark}{},NTRFNONREF\n", amount.abs())
        })
        .collect::<Vec<_>>()
        .concat();
    let before = number - 1;
    format!(
        ":20:X\n:25:123\n:28C:{number}\n:60F:C2611{before:02}EUR{opening},\n{rows}:62F:C2611{number:02}EUR{closing},\n-\n"
    )
}

#[test]
fn statements_may_stand_in_any_order() {
    let days =
        [day(2, 100, 110, &[10]), day(3, 110, 105, &[-5]), day(4, 105, 105, &[]), day(5, 105, 125, &[20])];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 1, 2], [1, 0, 2, 3]] {
        let text: String = order.iter().map(|at| days[*at].as_str()).collect();
        let found = sound(text.as_bytes(), FORMAT);
        assert_eq!(
            (found.end.opening_minor, found.end.closing_minor),
            (Some(10_000), Some(12_500)),
            "{order:?}"
        );
    }
    let missing = [&days[3], &days[0], &days[2]].map(String::as_str).concat();
    assert_eq!(problems(missing.as_bytes(), FORMAT).len(), 2);
    // The balance of a day comes back later: what is between is missing still.
    let back = day(2, 100, 200, &[100]) + &day(9, 150, 100, &[-50]);
    assert_eq!(problems(back.as_bytes(), FORMAT), [(11, Balance)]);
}

#[test]
fn a_statement_that_stands_there_twice_is_named() {
    let nothing_left = day(2, 100, 100, &[10, -10]);
    let text = nothing_left.clone() + &nothing_left;
    assert_eq!(problems(text.as_bytes(), FORMAT), [(15, Structure)]);
    let and_back = day(2, 100, 110, &[10]) + &day(3, 110, 100, &[-10]);
    assert_eq!(
        problems((and_back.clone() + &and_back).as_bytes(), FORMAT),
        [(20, Structure), (27, Structure)]
    );
    // Some banks give every statement the same number.
    let quiet = day(2, 100, 100, &[10, -10]) + &day(3, 100, 100, &[10, -10]).replace(":28C:3", ":28C:2");
    sound(quiet.as_bytes(), FORMAT);
}

#[test]
fn a_text_may_have_a_line_with_a_dash() {
    let text = message(&[":61:261125C1,NTRFNONREF", ":86:TEXT A", "-", "ORDER 77"], "C261125EUR101,");
    assert_eq!(sound(text.as_bytes(), FORMAT).rows[0].description, "TEXT A - ORDER 77");
    let open = ":20:X\n:25:1\n:34F:EUR0,\n:61:261125C1,NTRFNONREF\n:86:TEXT A\n-\n\n:20:Y\n:25:1\n:34F:EUR0,\n:61:261125C2,NTRFNONREF\n:86:B\n-\n";
    let found = sound(open.as_bytes(), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.description.as_str()).collect::<Vec<_>>(), ["TEXT A", "B"]);
}

/// One generated mutation: booked on which day, how much, with which of the dialects' texts.
#[test]
fn a_statement_without_a_currency_is_of_the_account_that_was_opened_last() {
    let statement = |opening: &str, closing: &str| {
        format!(":20:S\r\n:25:1291.99.348\r\n:60F:{opening}\r\n:62F:{closing}\r\n")
    };
    let file = [
        statement("C110614EUR1,00", "C110615EUR1,00"),
        statement("C110615USD1,00", "C110616USD1,00"),
        statement("C110616 damaged", "C110617USD1,00"),
    ]
    .concat();
    for _ in 0..20 {
        let found = statements(file.as_bytes(), "mt940");
        let told: Vec<_> = found.iter().map(|s| (s.account.currency.as_str(), s.end.problem_count)).collect();
        assert_eq!((told[0], told[1].0), (("EUR", 0), "USD"));
        assert!(told[1].1 > 0);
    }
}

fn mutation() -> impl Strategy<Value = (u8, i64, usize, String)> {
    (1..29_u8, -99_999_999..99_999_999_i64, 0..4_usize, "[A-Z][A-Z ]{0,20}[A-Z]")
}

proptest! {
    #[test]
    fn what_is_written_in_any_dialect_is_read(
        mutations in prop::collection::vec(mutation(), 0..20),
        separator in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let mut lines = vec![":20:X".to_owned(), ":25:1234567890".to_owned(), ":28C:1".to_owned(), ":60F:C261101IDR0,".to_owned()];
        let mut balance = 0;
        for (day, minor, dialect, name) in &mutations {
            balance += minor;
            let mark = match (dialect, *minor >= 0) {
                (3, true) => "RD",
                (3, false) => "RC",
                (_, true) => "C",
                (_, false) => "D",
            };
            let size = minor.unsigned_abs();
            lines.push(format!(":61:2611{day:02}11{day:02}{mark}{},{:02}NTRFNONREF//B{day:02}{size:013}", size / 100, size % 100));
            lines.push(match dialect {
                0 => format!(":86:166?00GUTSCHRIFT?20SVWZ+{name}?32{name}"),
                1 => format!(":86:/EREF/X//BENM//NAME/{name}/REMI/paid"),
                2 => format!(":86:911 COLLECT; OD: {name}; TYT.: X"),
                _ => format!(":86:REK: 1/NAAM: {name}"),
            });
        }
        let sign = if balance < 0 { "D" } else { "C" };
        lines.push(format!(":62F:{sign}261130IDR{},{:02}", balance.abs() / 100, balance.abs() % 100));
        let text = lines.join(separator) + separator;
        let found = sound(text.as_bytes(), FORMAT);
        prop_assert_eq!(found.end.closing_minor, Some(balance));
        let expected: Vec<(String, i64)> = mutations.iter().map(|(day, minor, ..)| (format!("2026-11-{day:02}"), *minor)).collect();
        let read: Vec<(String, i64)> = rows(&found).into_iter().map(|(day, minor, ..)| (day, minor)).collect();
        prop_assert_eq!(read, expected);
        for (row, (_, _, _, name)) in found.rows.iter().zip(&mutations) {
            prop_assert_eq!(&row.counterparty, &name.split_whitespace().collect::<Vec<_>>().join(" "));
            prop_assert_eq!(row.bank_reference.len(), 16);
        }
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(at in 0..2_000_usize, byte in any::<u8>(), cut in 0..2_000_usize) {
        let mut data = sample("mt940/wolph_betterplace_sepa_snippet.sta");
        let at = at % data.len();
        data[at] = byte;
        data.truncate(data.len() - cut);
        let _ = read_in_pieces(&data, 64, &options());
    }
}
