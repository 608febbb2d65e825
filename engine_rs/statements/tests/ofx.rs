//! Goal: OFX 1 and 2 are read right, or refused with the line named.

mod common;

use std::fmt::Write as _;

use common::{iso, options, problems, read_in_pieces, sample, sound, statements};
use kasir_statements::ProblemKind::{Structure, UnreadableRow};
use proptest::prelude::*;

const FORMAT: &str = "ofx";

fn sgml(mutations: &str) -> String {
    format!(
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>12345</BANKACCTFROM>\n<BANKTRANLIST>\n{mutations}</BANKTRANLIST>\n<LEDGERBAL><BALAMT>-1.50<DTASOF>20261125</LEDGERBAL><AVAILBAL><BALAMT>9.99</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    )
}

#[test]
fn samples_hold_what_they_hold() {
    for (name, accounts, amounts) in [
        ("asgrim_ofx-multiple-accounts-xml.ofx", 3, vec![-398, 50_000, 1_870]),
        (
            "asgrim_ofxdata-memoWithAmpersand.ofx",
            1,
            vec![
                -3_330, -990, -14_000, -4_000, -527, -8_254, -22_500, 60_000, -1_220, 12_787, 40_000, -8_068,
                -1_450, -988, -484, -7_594,
            ],
        ),
        (
            "asgrim_ofxdata-oneline.ofx",
            1,
            vec![-155, -38_300, -155, 20_000, -8_000, -60_000, -100_000, -11_100],
        ),
    ] {
        let data = sample(&format!("ofx/{name}"));
        let found = statements(&data, FORMAT);
        let read: Vec<i64> = found.iter().flat_map(|s| s.rows.iter().map(|row| row.amount_minor)).collect();
        assert_eq!((found.len(), read), (accounts, amounts), "{name}");
        assert_eq!(problems(&data, FORMAT), [], "{name}");
    }
}

#[test]
fn an_ampersand_is_a_letter() {
    let found = sound(&sample("ofx/asgrim_ofxdata-memoWithAmpersand.ofx"), FORMAT);
    assert_eq!(found.rows[0].description, "Amazon.Com.Br Amazon & Cloud 3/3");
    assert_eq!(found.rows[4].description, "IOF de \"Leupay.Eu\" & Whoelse");
    assert_eq!((iso(found.rows[0].date), found.end.closing_minor), ("2018-09-13".to_owned(), Some(-73_405)));
    assert!(!found.end.sums_checked);
}

#[test]
fn several_accounts_of_one_file() {
    let found = statements(&sample("ofx/asgrim_ofx-multiple-accounts-xml.ofx"), FORMAT);
    let accounts: Vec<(&str, usize, Option<i64>)> =
        found.iter().map(|s| (s.account.number.as_str(), s.rows.len(), s.end.closing_minor)).collect();
    assert_eq!(
        accounts,
        [
            ("54658222458596", 0, Some(4_301)),
            ("546582659855", 2, Some(300_025)),
            ("21252344525548", 1, Some(1_172_856))
        ]
    );
    let row = &found[1].rows[0];
    assert_eq!(
        (iso(row.date), row.counterparty.as_str(), row.bank_reference.as_str()),
        ("2014-07-17".to_owned(), "TESCO", "")
    );
}

#[test]
fn a_repeated_fitid_makes_no_row_a_known_one() {
    let row = "<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20261125<TRNAMT>5<FITID>1<NAME>BUDI</STMTTRN>\n";
    let found = sound(sgml(&row.repeat(2)).as_bytes(), FORMAT);
    assert_eq!(
        found.rows.iter().map(|row| (row.occurrence, row.bank_reference.len())).collect::<Vec<_>>(),
        [(1, 0), (2, 0)]
    );
}

#[test]
fn pieces_of_a_mutation() {
    let row = "<STMTTRN><TRNTYPE>XFER<DTPOSTED>20261125235959.123[+7:WIB]<DTAVAIL>20261127<TRNAMT>+1,234.50<FITID>1<PAYEE><NAME>BUDI<ADDR1>X</PAYEE><BANKACCTTO><ACCTID>999</BANKACCTTO><ORIGCURRENCY><CURRATE>1<CURSYM>USD</ORIGCURRENCY><MEMO>ORDER 7</STMTTRN>\n";
    let found = sound(sgml(row).as_bytes(), FORMAT);
    assert_eq!(found.account.number, "12345");
    let row = &found.rows[0];
    assert_eq!(
        (iso(row.date), row.value_date.map(iso)),
        ("2026-11-25".to_owned(), Some("2026-11-27".to_owned()))
    );
    assert_eq!(
        (row.amount_minor, row.description.as_str(), row.counterparty.as_str()),
        (123_450, "BUDI ORDER 7", "BUDI")
    );
    let pending = "<STMTTRNP><TRNTYPE>DEBIT<DTTRAN>20261125<TRNAMT>-5.00<NAME>SHOP</STMTTRNP>\n";
    assert!(sound(sgml(pending).as_bytes(), FORMAT).rows[0].pending);
}

#[test]
fn what_is_wrong_is_named() {
    let row = "<STMTTRN><DTPOSTED>20261125<TRNAMT>5.00<NAME>BUDI</STMTTRN>\n";
    for garbled in ["12..34", "", "1.234", "five", "5.001"] {
        let text = sgml(&(row.replace("5.00", garbled) + row));
        assert_eq!(problems(text.as_bytes(), FORMAT), [(6, UnreadableRow)], "{garbled}");
    }
    let other_currency = row.replace("<NAME>", "<CURRENCY><CURSYM>USD</CURRENCY><NAME>");
    assert_eq!(problems(sgml(&other_currency).as_bytes(), FORMAT), [(6, UnreadableRow)]);
    let no_day = row.replace("20261125", "20261131");
    assert_eq!(problems(sgml(&no_day).as_bytes(), FORMAT), [(6, UnreadableRow)]);
    let unended = row.replace("</STMTTRN>", "");
    assert_eq!(problems(sgml(&(unended + row)).as_bytes(), FORMAT), [(6, UnreadableRow)]);
    let whole = sgml(row);
    let cut = &whole[..whole.find("</BANKTRANLIST>").expect("it ends")];
    assert_eq!(problems(cut.as_bytes(), FORMAT), [(0, Structure)]);
    assert_eq!(problems(whole.replace("-1.50", "x").as_bytes(), FORMAT), [(8, Structure)]);
    for (text, words) in [
        (
            "<OFX><SONRS><STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>Signon invalid</STATUS></SONRS></OFX>",
            "Signon invalid",
        ),
        ("<OFX><STMTRS><CURDEF>?</STMTRS></OFX>", "currency"),
    ] {
        let error = read_in_pieces(text.as_bytes(), 100, &options()).expect_err(text);
        assert!(error.to_string().contains(words), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_as_sgml_or_xml_is_read(
        mutations in prop::collection::vec((1..29_u8, -99_999_999..99_999_999_i64, "[A-Z&][A-Z& ]{0,20}[A-Z&]"), 0..20),
        is_xml in any::<bool>(),
        mark in prop::sample::select(vec!['.', ',']),
    ) {
        let mut rows = String::new();
        let end = |name: &str| if is_xml { format!("</{name}>") } else { String::new() };
        for (day, minor, name) in &mutations {
            let sign = if *minor < 0 { "-" } else { "" };
            let name = if is_xml { name.replace('&', "&amp;") } else { name.clone() };
            let size = minor.abs();
            writeln!(
                rows,
                "<STMTTRN><DTPOSTED>202611{day:02}{}<TRNAMT>{sign}{}{mark}{:02}{}<NAME>{name}{}</STMTTRN>",
                end("DTPOSTED"), size / 100, size % 100, end("TRNAMT"), end("NAME"),
            ).expect("a text takes everything");
        }
        let found = sound(sgml(&rows).as_bytes(), FORMAT);
        let read: Vec<(String, i64, &str)> =
            found.rows.iter().map(|row| (iso(row.date), row.amount_minor, row.counterparty.as_str())).collect();
        let expected: Vec<(String, i64, &str)> =
            mutations.iter().map(|(day, minor, name)| (format!("2026-11-{day:02}"), *minor, name.as_str())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(at in 0..4_000_usize, byte in any::<u8>(), cut in 0..3_000_usize) {
        let mut data = sample("ofx/asgrim_ofx-multiple-accounts-xml.ofx");
        let at = at % data.len();
        data[at] = byte;
        data.truncate(data.len() - cut);
        let _ = read_in_pieces(&data, 64, &options());
    }
}

#[test]
fn a_mutation_without_an_end_is_named() {
    let mutation = |name: &str| format!("<STMTTRN><DTPOSTED>20261125<TRNAMT>1.00<NAME>{name}</STMTTRN>\n");
    let open = mutation("B").replace("</STMTTRN>", "");
    assert_eq!(problems(sgml(&(mutation("A") + &open)).as_bytes(), FORMAT), [(7, UnreadableRow)]);
    let without_list =
        sgml(&(mutation("A") + &open)).replace("</BANKTRANLIST>\n", "").replace("<BANKTRANLIST>", "");
    assert_eq!(problems(without_list.as_bytes(), FORMAT), [(7, UnreadableRow)]);
}

#[test]
fn a_text_with_marks_of_tags_hides_no_mutation() {
    let mutation = |name: &str| format!("<STMTTRN><DTPOSTED>20261125<TRNAMT>1.00<NAME>{name}</STMTTRN>\n");
    let found = sound(sgml(&(mutation("A <B C") + &mutation("B"))).as_bytes(), FORMAT);
    let told: Vec<_> = found.rows.iter().map(|row| (row.amount_minor, row.description.as_str())).collect();
    assert_eq!(told, [(100, "A <B C"), (100, "B")]);
    let told_twice = sgml(&(mutation("A <TRNAMT>999.00") + &mutation("B <DTPOSTED>20261124")));
    assert_eq!(problems(told_twice.as_bytes(), FORMAT), [(6, UnreadableRow), (7, UnreadableRow)]);
}
