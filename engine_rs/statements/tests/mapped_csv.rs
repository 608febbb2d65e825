//! Goal: any bank's CSV is read by a mapping of its columns; a mapping that does not fit names the column.

mod common;

use std::fmt::Write as _;
use std::io::Cursor;

use common::{MAX_BYTES, iso, options, read_in_pieces, rows, sample};
use kasir_statements::ProblemKind::{Balance, UnreadableRow};
use kasir_statements::{Options, ProblemKind, Source, Statement, fitting};
use proptest::prelude::*;

fn read_mapped(data: &[u8], mapping: &str) -> Result<Vec<Statement>, String> {
    let options = Options { mapping: Some(mapping), ..options() };
    let whole = read_in_pieces(data, usize::MAX, &options).map_err(|error| error.to_string())?;
    assert_eq!(whole.0.format, "mapped-csv");
    let pieces = read_in_pieces(data, 7, &options).map_err(|error| error.to_string())?;
    assert_eq!(whole, pieces);
    Ok(whole.1)
}

fn only(data: &str, mapping: &str) -> Statement {
    let mut found = read_mapped(data.as_bytes(), mapping).expect("it fits");
    assert_eq!(found.len(), 1, "one account");
    found.remove(0)
}

fn wrong(statement: &Statement) -> Vec<(u64, ProblemKind)> {
    statement.end.problems.iter().map(|problem| (problem.row, problem.kind)).collect()
}

const SIGNED: &str = "[columns]\ndate = \"Date\"\ndescription = \"Description\"\namount = \"Amount\"\n";

#[test]
fn the_european_sample() {
    let mapping = "[columns]\ndate = \"buchungstag\"\ndescription = \"Verwendungszweck\"\namount = \"Betrag\"\ncurrency = \"CCY\"\naccount = \"IBAN\"\nreference = \"Ref\"\n";
    let found = read_mapped(&sample("csv/bsp_csv_european_decimals.csv"), mapping).expect("it fits");
    assert_eq!(
        (found.len(), found[0].account.number.as_str(), found[0].account.currency.as_str()),
        (1, "DE89370400440532013000", "EUR")
    );
    assert_eq!(
        rows(&found[0]),
        [
            ("2026-04-02".to_owned(), -123_456, None, "Miete April"),
            ("2026-04-05".to_owned(), 350_000, None, "Gehalt"),
            ("2026-04-09".to_owned(), -450, None, "Kaffee"),
        ]
    );
    assert_eq!(found[0].rows[0].bank_reference, "EU-001");
}

#[test]
fn the_garbled_sample() {
    let mapping = format!("{SIGNED}currency = \"Currency\"\n");
    let found = read_mapped(&sample("csv/bsp_csv_garbled_amount.csv"), &mapping).expect("it fits");
    assert_eq!(found[0].rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [10_000]);
    assert_eq!(wrong(&found[0]), [(3, UnreadableRow)]);
}

#[test]
fn amounts_in_two_columns_with_a_running_balance_newest_first() {
    let data = "Bank X;;;;\nPeriode;Mei;;;\nTanggal;Uraian;Debet;Kredit;Saldo\n20/05/2026;TRSF \"BUDI\";;1.000,00;1.300,50\n19/05/2026;TARIKAN;200,00;0,00;300,50\n18/05/2026;SETORAN;-;500,50;500,50\nTotal;;200,00;1.500,50;\n";
    let mapping = "currency = \"IDR\"\naccount = \"123\"\nholder = \"TOKO\"\nignore = [\"total\"]\n[columns]\ndate = \"Tanggal\"\ndescription = \"Uraian\"\ndebit = \"Debet\"\ncredit = \"Kredit\"\nbalance = \"Saldo\"\n";
    let found = only(data, mapping);
    assert_eq!(wrong(&found), []);
    assert_eq!((found.account.number.as_str(), found.account.holder.as_str()), ("123", "TOKO"));
    assert_eq!(found.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [100_000, -20_000, 50_050]);
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(0), Some(130_050)));
    let broken = only(&data.replace(";300,50", ";301,50"), mapping);
    assert!(wrong(&broken).iter().all(|(_, kind)| *kind == Balance) && !wrong(&broken).is_empty());
    let both = only(&data.replace("200,00;0,00", "200,00;5,00"), mapping);
    assert_eq!(wrong(&both)[0], (5, UnreadableRow));
}

#[test]
fn amounts_with_a_mark() {
    let mapping = "date_format = \"DD/MM\"\nnegate = false\n[columns]\ndate = 1\ndescription = [2, 3]\namount = 4\ndirection = 5\nstatus = 6\ncounterparty = 3\n[marks]\npending = [\"menunggu\"]\n";
    let data = "19/05,TRSF,BUDI,1000.50,K,\n18/05,BIAYA,,5.00,d,Menunggu\n18/05,BIAYA,,5.00,?,\n";
    let found = only(data, mapping);
    let read: Vec<(String, i64, bool, &str)> = found
        .rows
        .iter()
        .map(|row| (iso(row.date), row.amount_minor, row.pending, row.description.as_str()))
        .collect();
    assert_eq!(
        read,
        [
            ("2026-05-19".to_owned(), 100_050, false, "TRSF BUDI"),
            ("2026-05-18".to_owned(), -500, true, "BIAYA")
        ]
    );
    assert_eq!(found.rows[0].counterparty, "BUDI");
    assert_eq!(wrong(&found), [(3, UnreadableRow)]);
    let behind = only(
        "Date,Description,Amount\n2026-05-19,A,\"1,000.50 CR\"\n2026-05-19,B,5.00 DB\n2026-05-19,C,-5.00 DB\n2026-05-19,D,5.00 XX\n",
        SIGNED,
    );
    assert_eq!(behind.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [100_050, -500]);
    assert_eq!(wrong(&behind), [(4, UnreadableRow), (5, UnreadableRow)]);
}

#[test]
fn signs_that_are_turned_round() {
    let found = only("Date,Description,Amount\n2026-05-19,A,5.00\n", &format!("negate = true\n{SIGNED}"));
    assert_eq!(found.rows[0].amount_minor, -500);
}

#[test]
fn a_mapping_that_does_not_fit_names_the_column() {
    let data = b"Date,Text,Amount\n2026-05-19,A,5.00\n";
    let error = read_mapped(data, SIGNED).expect_err("another column");
    assert_eq!(
        error,
        "the column mapping does not fit: the file has no column 'Description'; it has 'Date', 'Text', 'Amount'"
    );
    for (mapping, words) in [
        (format!("delimiter = \";\"\n{SIGNED}"), "has no column 'Date'"),
        (format!("header_row = 2\n{SIGNED}"), "has no column"),
        ("currency = \"IDR\"\n".to_owned(), "names no columns"),
        ("[columns]\n".to_owned(), "date"),
    ] {
        let error = read_mapped(data, &mapping).expect_err(words);
        assert!(error.contains(words), "{error}");
    }
    let options = Options { format: Some("mapped-csv"), ..options() };
    let error = read_in_pieces(data, 9, &options).expect_err("no mapping").to_string();
    assert_eq!(error, "a free CSV needs a column mapping");
}

#[test]
fn what_a_file_leaves_in_doubt_the_mapping_must_say() {
    let data = "Date,Description,Amount\n03/04/2026,A,\"1,234\"\n";
    let error = read_mapped(data.as_bytes(), SIGNED).expect_err("3 April or 4 March");
    assert!(error.ends_with("the column mapping must say it (date_format)"), "{error}");
    let error = read_mapped(data.as_bytes(), &format!("date_format = \"MM/DD/YYYY\"\n{SIGNED}"))
        .expect_err("1234 or 1.234");
    assert!(error.ends_with("the column mapping must say it (decimal)"), "{error}");
    let said = only(data, &format!("date_format = \"MM/DD/YYYY\"\ndecimal = \".\"\n{SIGNED}"));
    assert_eq!((iso(said.rows[0].date), said.rows[0].amount_minor), ("2026-03-04".to_owned(), 123_400));
}

#[test]
fn several_accounts_and_currencies() {
    let mapping = format!("{SIGNED}account = \"Account\"\ncurrency = \"Ccy\"\n");
    let data = "Date,Description,Amount,Account,Ccy\n2026-05-19,A,5.00,1,IDR\n2026-05-19,B,6,2,JPY\n2026-05-19,C,7.00,1,IDR\n2026-05-19,D,8.00,1,rp\n";
    let found = read_mapped(data.as_bytes(), &mapping).expect("it fits");
    let told: Vec<(&str, &str, Vec<i64>)> = found
        .iter()
        .map(|s| {
            (
                s.account.number.as_str(),
                s.account.currency.as_str(),
                s.rows.iter().map(|row| row.amount_minor).collect(),
            )
        })
        .collect();
    assert_eq!(told, [("1", "IDR", vec![500, 700]), ("2", "JPY", vec![6])]);
    assert_eq!(wrong(&found[0]), [(5, UnreadableRow)]);
}

#[test]
fn a_quote_that_is_never_closed_is_refused() {
    let data = format!("Date,Description,Amount\n2026-05-19,\"{}", "x\n".repeat(1_500_000));
    let error = read_mapped(data.as_bytes(), SIGNED).expect_err("one row of 3 MB");
    assert!(error.contains("never closed"), "{error}");
}

/// Amounts of the rows, and lines of rows and of problems.
fn seen(statement: &Statement) -> (Vec<i64>, Vec<u64>, Vec<u64>) {
    (
        statement.rows.iter().map(|row| row.amount_minor).collect(),
        statement.rows.iter().map(|row| row.row).collect(),
        statement.end.problems.iter().map(|problem| problem.row).collect(),
    )
}

#[test]
fn every_row_is_read_whatever_ends_the_lines() {
    let body =
        "Bank X\n\nDate,Description,Amount\n\n2026-05-19,A,1.00\n2026-05-19,\"B\nB\",2.00\n2026-05-20,C,x\n";
    for end in ["\n", "\r\n", "\r"] {
        for mapping in [SIGNED.to_owned(), format!("header_row = 3\n{SIGNED}")] {
            let found = only(&body.replace('\n', end), &mapping);
            assert_eq!(seen(&found), (vec![100, 200], vec![5, 6], vec![8]), "{end:?} {mapping}");
        }
    }
}

#[test]
fn a_row_with_more_or_fewer_cells_than_columns_is_not_read() {
    let data = "Date,Description,Amount,\n2026-05-19,A,100,000.00\n2026-05-19,B,1.00,\n2026-05-19,C,\"10";
    assert_eq!(seen(&only(data, SIGNED)), (vec![100], vec![3], vec![2, 4]));
    let by_number = "[columns]\ndate = 1\ndescription = 2\ndebit = 3\ncredit = 4\n";
    let data = "2026-05-19,A,1.00,\n2026-05-19,B,100,000.00,\n2026-05-19,C,,1.00\n2026-05-19,D,1.00\n";
    assert_eq!(seen(&only(data, by_number)), (vec![-100, 100], vec![1, 3], vec![2, 4]));
}

#[test]
fn names_of_columns_may_be_in_any_encoding() {
    let mapping = SIGNED.replace("Description", "Empfänger");
    let data = "Date,Empfänger,Amount\n2026-05-19,Jürgen,1.00\n";
    let latin: Vec<u8> =
        data.chars().map(|letter| u8::try_from(u32::from(letter)).expect("of Latin-1")).collect();
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(data.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for data in [data.as_bytes(), &latin, &wide] {
        assert_eq!(read_mapped(data, &mapping).expect("it fits")[0].rows[0].description, "Jürgen");
    }
}

#[test]
fn a_sign_beside_a_direction_is_refused() {
    let data =
        "Date,Description,Amount,DK\n2026-05-19,A,-100.00,D\n2026-05-19,B,(1.00),K\n2026-05-19,C,5.00,D\n";
    let found = only(data, &format!("{SIGNED}direction = \"DK\"\n"));
    assert_eq!(seen(&found), (vec![-500], vec![4], vec![2, 3]));
}

#[test]
fn a_status_must_be_known() {
    let mapping = format!("{SIGNED}status = \"Status\"\n");
    let data = "Date,Description,Amount,Status\n2026-05-18,A,1.00,Berhasil\n2026-05-18,B,2.00,GAGAL\n2026-05-18,C,3.00,\n2026-05-18,D,4.00,PENDING APPROVAL\n";
    assert_eq!(seen(&only(data, &mapping)), (vec![100, 300], vec![2, 4], vec![3, 5]));
    let found = only(
        data,
        &format!("{mapping}[marks]\nposted = [\"berhasil\", \"gagal\"]\npending = [\"pending approval\"]\n"),
    );
    assert_eq!(found.rows.iter().map(|row| row.pending).collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn a_row_that_waits_may_have_no_date() {
    let mapping = format!("{SIGNED}status = \"Status\"\n");
    let data = "Date,Description,Amount,Status\n2026-05-18,A,1.00,\n,B,2.00,PEND\nPEND,C,3.00,\n,D,4.00,\n";
    let found = only(data, &mapping);
    assert_eq!(seen(&found), (vec![100, 200, 300], vec![2, 3, 4], vec![5]));
    let told: Vec<_> = found.rows.iter().map(|row| (iso(row.date), row.pending)).collect();
    let day = "2026-05-18".to_owned();
    assert_eq!(told, [(day.clone(), false), (day.clone(), true), (day, true)]);
}

#[test]
fn a_row_of_nothing_is_a_row() {
    let mapping = "[columns]\ndate = \"D\"\ndebit = \"Out\"\ncredit = \"In\"\n";
    let found = only("D,Out,In\n2026-05-18,0.00,\n2026-05-18,0.00,0.00\n2026-05-18,-,\n", mapping);
    assert_eq!(seen(&found), (vec![0], vec![3], vec![2, 4]));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        mutations in prop::collection::vec((1..29_u8, -99_999_999..99_999_999_i64, "[A-Z][A-Z,;\"\n ]{0,20}[A-Z]"), 1..20),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        comma in any::<bool>(),
    ) {
        let mut data = ["Date", "Description", "Amount"].join(&delimiter.to_string()) + "\n";
        for (day, minor, text) in &mutations {
            let sign = if *minor < 0 { "-" } else { "" };
            let amount = format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100);
            let amount = if comma { amount.replace('.', ",") } else { amount };
            let text = text.replace('"', "\"\"");
            writeln!(data, "2026-11-{day:02}{delimiter}\"{text}\"{delimiter}\"{amount}\"").expect("a text takes everything");
        }
        let found = only(&data, SIGNED);
        let read: Vec<(String, i64, String)> =
            found.rows.iter().map(|row| (iso(row.date), row.amount_minor, row.description.clone())).collect();
        let expected: Vec<(String, i64, String)> = mutations
            .iter()
            .map(|(day, minor, text)| (format!("2026-11-{day:02}"), *minor, text.replace('\n', " ")))
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(data in prop::collection::vec(any::<u8>(), 0..300), mapping in "[a-z=\"\\[\\]\n0-9{}:,]{0,60}") {
        for mapping in [SIGNED, &mapping] {
            let options = Options { mapping: Some(mapping), ..options() };
            let _ = read_in_pieces(&data, 64, &options);
        }
    }
}

#[test]
fn a_mapping_fits_a_file_that_has_its_columns() {
    const NAMED: &str = "[columns]\ndate = \"Waktu\"\namount = \"Nominal\"\n";
    const WIDER: &str = "[columns]\ndate = \"waktu\"\ndescription = \"Catatan\"\namount = \"NOMINAL\"\n";
    const OTHER: &str = "[columns]\ndate = \"Waktu\"\namount = \"Jumlah\"\n";
    const NUMBERS: &str = "[columns]\ndate = 1\namount = 3\n";
    const BELOW: &str = "header_row = 1\n[columns]\ndate = \"Waktu\"\namount = \"Nominal\"\n";
    const BROKEN: &str = "colour = 1\n";
    let all = [NAMED, WIDER, OTHER, NUMBERS, BELOW, BROKEN];
    let fits = |data: &[u8]| {
        let mut source = Source::new(Cursor::new(data.to_vec()), MAX_BYTES).expect("a file");
        fitting(&mut source, &all)
    };
    let csv = b"Laporan\nWaktu;Catatan;Nominal\n02/05/2026;SETORAN;108.401,00\n";
    assert_eq!(fits(csv).expect("it is read"), [0, 1]);
    assert_eq!(fits(b"Waktu\tNominal\n").expect("it is read"), [0, 4]);
    assert_eq!(fits(b"").expect("it is read"), [0; 0]);
    // What a bank's own format knows needs none, whatever its header has.
    let known = b"Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,Waktu,Nominal\n";
    assert_eq!(fits(known).expect("it is read"), [0; 0]);
    assert_eq!(fits(&sample("xls/xlwt_bni.xls")).expect("it is read"), [0; 0]);
    let sheet = "[columns]\ndate = \"Tanggal\"\namount = \"Jumlah\"\n";
    let mut source =
        Source::new(Cursor::new(sample("xls/writeexcel_mapped.xls")), MAX_BYTES).expect("a file");
    assert_eq!(fitting(&mut source, &[NAMED, sheet]).expect("it is read"), [1]);
    assert!(fits(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 damaged").is_err());
}
