//! Goal: BAI2 files are read right, or refused with the line named.

mod common;

use common::{iso, options, problems, read_in_pieces, sample, sound};
use kasir_statements::ProblemKind::{Structure, Total, UnreadableRow};
use proptest::prelude::*;

const FORMAT: &str = "bai2";

/// A file of one account with right control totals.
fn file(currency: &str, summary: &str, summary_total: i64, mutations: &[(&str, i64, &str)]) -> String {
    let mut lines = vec![
        "01,SENDER,RECEIVER,261125,0829,1,80,1,2/".to_owned(),
        format!("02,RECEIVER,SENDER,1,261125,2359,{currency},2/"),
        format!("03,10200123456,,{summary}/"),
    ];
    let total = summary_total + mutations.iter().map(|(_, minor, _)| minor).sum::<i64>();
    lines.extend(mutations.iter().map(|(kind, minor, rest)| format!("16,{kind},{minor},{rest}")));
    let records: usize =
        2 + mutations.iter().map(|(_, _, rest)| 1 + rest.matches('\n').count()).sum::<usize>();
    lines.push(format!("49,{total},{records}/"));
    lines.push(format!("98,{total},1,{}/", records + 2));
    lines.push(format!("99,{total},1,{}/", records + 4));
    lines.join("\n") + "\n"
}

#[test]
fn the_sample() {
    let found = sound(&sample("bai2/moov_sample1.txt"), FORMAT);
    assert_eq!((found.account.number.as_str(), found.account.currency.as_str()), ("10200123456", "CAD"));
    let amounts: Vec<i64> = found.rows.iter().map(|row| row.amount_minor).collect();
    assert_eq!(amounts.len(), 17);
    let money_in: i64 = amounts.iter().filter(|minor| **minor > 0).sum();
    assert_eq!((money_in, amounts.iter().sum::<i64>()), (320_000, 0));
    let row = &found.rows[3];
    assert_eq!(
        (row.row, iso(row.date), row.value_date.map(iso)),
        (8, "2006-03-17".to_owned(), Some("2006-03-16".to_owned()))
    );
    assert_eq!((row.amount_minor, row.description.as_str()), (203_500, "TFR 1020 0345678"));
    assert!(found.end.sums_checked);
}

#[test]
fn a_text_may_look_like_a_record() {
    let text = file("IDR", "010,0,,,015,10000,,", 10_000, &[("195", 10_000, "Z,REF1,REF2,PAY/ 03,05 INV/")]);
    let found = sound(text.as_bytes(), FORMAT);
    assert!(found.rows[0].description.starts_with("PAY/ 03,05 INV"), "{}", found.rows[0].description);
    let packed = file("IDR", "010,0,,,015,10000,,", 10_000, &[("195", 10_000, "Z,REF1,REF2,PAY/")]);
    assert_eq!(sound(packed.trim_end().replace('\n', " ").as_bytes(), FORMAT).rows.len(), 1);
}

#[test]
fn kinds_availability_references_and_continued_texts() {
    let text = file(
        "USD",
        "010,10000,,,015,8650,,,100,1000,2,,400,2350,3",
        10_000 + 8_650 + 1_000 + 2_350,
        &[
            (
                "195",
                500,
                "V,261127,0930,SPB2322984714570,CUST7,WIRE IN, ORDER 7\n88,DBNM: BUDI SANTOSO\n88,more/",
            ),
            ("115", 500, "S,100,200,200,,,LOCK BOX/"),
            ("475", 300, "D,2,0,100,1,200,,,CHECK PAID/"),
            ("495", 2_000, "Z,,NONREF,/"),
            ("698", 50, ",,,FEE"),
        ],
    );
    let found = sound(text.as_bytes(), FORMAT);
    let amounts: Vec<i64> = found.rows.iter().map(|row| row.amount_minor).collect();
    assert_eq!(amounts, [500, 500, -300, -2_000, -50]);
    let row = &found.rows[0];
    assert_eq!(row.value_date.map(iso), Some("2026-11-27".to_owned()));
    assert_eq!(row.description, "WIRE IN, ORDER 7 DBNM: BUDI SANTOSO more CUST7");
    assert_eq!(
        (row.bank_reference.as_str(), row.counterparty.as_str()),
        ("SPB2322984714570", "BUDI SANTOSO")
    );
    assert_eq!(found.rows[2].description, "CHECK PAID");
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(10_000), Some(8_650)));
}

#[test]
fn decimals_are_those_of_the_currency() {
    let found = sound(file("JPY", "015,0,,", 0, &[("195", 500, ",,,IN/")]).as_bytes(), FORMAT);
    assert_eq!((found.rows[0].amount_minor, found.account.currency.as_str()), (500, "JPY"));
}

#[test]
fn several_records_of_one_line() {
    let text = file("USD", "015,0,,", 0, &[("195", 500, ",,,A/B IN/"), ("475", 300, ",,,OUT/")]);
    let joined = text.replace("/\n16", "/ 16").replace("/\n49", "/   49");
    let found = sound(joined.as_bytes(), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.description.as_str()).collect::<Vec<_>>(), ["A/B IN", "OUT"]);
}

#[test]
fn what_is_wrong_is_named() {
    let right = file("USD", "010,0,,,015,500,,", 500, &[("195", 500, ",,,IN/")]);
    assert_eq!(problems(right.as_bytes(), FORMAT), []);
    assert_eq!(problems(right.replace("49,1000,3", "49,1001,3").as_bytes(), FORMAT), [(5, Total)]);
    assert_eq!(problems(right.replace("49,1000,3", "49,1000,4").as_bytes(), FORMAT), [(5, Total)]);
    assert_eq!(
        problems(right.replace("98,1000,1,5", "98,1000,2,6").as_bytes(), FORMAT),
        [(6, Total), (6, Total)]
    );
    assert_eq!(problems(right.replace("99,1000,1,7", "99,,1,7").as_bytes(), FORMAT), [(7, Total)]);
    let closing = file("USD", "010,0,,,015,600,,", 600, &[("195", 500, ",,,IN/")]);
    assert_eq!(problems(closing.as_bytes(), FORMAT), [(5, Total)]);
    let totals = file("USD", "100,400,2,", 400, &[("195", 500, ",,,IN/")]);
    assert_eq!(problems(totals.as_bytes(), FORMAT), [(5, Total), (5, Total)]);
    let garbled = right.replace("16,195,500", "16,195,5.00");
    assert_eq!(problems(garbled.as_bytes(), FORMAT)[..1], [(4, UnreadableRow)]);
    let negative = right.replace("16,195,500", "16,195,-500");
    assert_eq!(problems(negative.as_bytes(), FORMAT)[..1], [(4, UnreadableRow)]);
    let loan = right.replace("16,195", "16,721");
    assert_eq!(problems(loan.as_bytes(), FORMAT)[..1], [(4, UnreadableRow)]);
    let test = right.replace("02,RECEIVER,SENDER,1", "02,RECEIVER,SENDER,4");
    assert_eq!(problems(test.as_bytes(), FORMAT), [(2, Structure)]);
    let cut = &right[..right.find("49,").expect("it ends")];
    assert_eq!(problems(cut.as_bytes(), FORMAT), [(0, Structure)]);
    let error = read_in_pieces(b"01,A,B,261125,0829,1,80,1,2/\n02,B,A,1,261125,,,/\n", 9, &options())
        .expect_err("empty");
    assert!(error.to_string().contains("cut off"), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(mutations in prop::collection::vec((any::<bool>(), 0..99_999_999_i64), 0..20)) {
        let lines: Vec<(&str, i64, &str)> =
            mutations.iter().map(|(is_in, minor)| (if *is_in { "399" } else { "400" }, *minor, "0,,,X/")).collect();
        let expected: Vec<i64> = mutations.iter().map(|(is_in, minor)| if *is_in { *minor } else { -minor }).collect();
        let closing: i64 = 77 + expected.iter().sum::<i64>();
        let text = file("USD", &format!("010,+77,,,015,{closing},,"), 77 + closing, &lines);
        let found = sound(text.as_bytes(), FORMAT);
        prop_assert_eq!(found.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), expected);
        prop_assert_eq!(found.end.closing_minor, Some(closing));
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(at in 0..1_400_usize, byte in any::<u8>(), cut in 0..1_300_usize) {
        let mut data = sample("bai2/moov_sample1.txt");
        data[at] = byte;
        data.truncate(data.len() - cut);
        let _ = read_in_pieces(&data, 64, &options());
    }
}
