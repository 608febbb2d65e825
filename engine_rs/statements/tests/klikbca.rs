//! Goal: KlikBCA files in all their exports are read right, or refused with the line named.

mod common;

use common::{iso, problems, rows, sample, sound};
use kasir_statements::ProblemKind;

const INDIVIDUAL: &str = "klikbca-individual";

fn individual(rows: &[&str], trailer: [&str; 4]) -> Vec<u8> {
    let mut lines = vec!["Account No.,=,'0111222333", "Name,=,JOHN DOE", "Currency,=,IDR", ""];
    lines.push("Date,Description,Branch,Amount,,Balance");
    lines.extend(rows);
    let names = ["Starting Balance", "Credit", "Debet", "Ending Balance"];
    let end: Vec<String> = names.iter().zip(trailer).map(|(name, said)| format!("{name},=,{said}")).collect();
    lines.extend(end.iter().map(String::as_str));
    (lines.join("\n") + "\n").into_bytes()
}

const IN: &str = "'02/05/2026,SETORAN TUNAI,'0000,500.00,CR,1500.00";
const OUT: &str = "'03/05/2026,TARIKAN ATM 03/05,'0998,200.00,DB,1300.00";
const TRAILER: [&str; 4] = ["1000.00", "500.00", "200.00", "1300.00"];

#[test]
fn the_sample() {
    let found = sound(&sample("indonesia/rekapimutasi_personal_input.csv"), INDIVIDUAL);
    assert_eq!((found.account.number.as_str(), found.account.holder.as_str()), ("0111222333", "JOHN DOE"));
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(93_453_996), Some(104_293_996)));
    let row = &found.rows[0];
    assert_eq!((row.row, iso(row.date), row.amount_minor), (6, "2026-05-02".to_owned(), 10_840_000));
    assert_eq!(row.counterparty, "ACME CORPORATION");
    assert!(found.end.sums_checked);
}

#[test]
fn money_in_is_positive_and_money_out_negative() {
    let found = sound(&individual(&[IN, OUT], TRAILER), INDIVIDUAL);
    assert_eq!(
        rows(&found),
        [
            ("2026-05-02".to_owned(), 50_000, Some(150_000), "SETORAN TUNAI"),
            ("2026-05-03".to_owned(), -20_000, Some(130_000), "TARIKAN ATM 03/05"),
        ]
    );
}

#[test]
fn commas_in_the_text_are_text() {
    let row = "'02/05/2026,TRSF, kaos, 2 buah, CR, 9.00,DB,'0000,500.00,CR,1500.00";
    let found = sound(&individual(&[row, OUT], TRAILER), INDIVIDUAL);
    assert_eq!(found.rows[0].description, "TRSF, kaos, 2 buah, CR, 9.00,DB");
}

#[test]
fn a_pending_row_waits_counted_or_not() {
    let pending = "'PEND,TRSF E-BANKING CR 0405/FTSCY/WS95031         100.00BUDI,'0000,100.00,CR,1400.00";
    let counted = individual(&[IN, OUT, pending], ["1000.00", "600.00", "200.00", "1400.00"]);
    let found = sound(&counted, INDIVIDUAL);
    assert_eq!(
        (iso(found.rows[2].date), found.rows[2].balance_minor),
        ("2026-05-04".to_owned(), Some(140_000))
    );
    let left_out = individual(&[IN, OUT, &pending.replace("1400.00", "0.00")], TRAILER);
    let found = sound(&left_out, INDIVIDUAL);
    assert_eq!((found.rows[2].pending, found.rows[2].balance_minor), (true, None));
}

#[test]
fn what_does_not_add_up_is_named() {
    let wrong = IN.replace(",500.00", ",505.00");
    assert_eq!(
        problems(&individual(&[&wrong, OUT], TRAILER), INDIVIDUAL),
        [(0, ProblemKind::Total), (6, ProblemKind::Balance)]
    );
    let broken = individual(&[IN, "garbage", &OUT.replace("1300.00", "1350.00")], TRAILER);
    assert_eq!(
        problems(&broken, INDIVIDUAL),
        [(0, ProblemKind::Total), (7, ProblemKind::UnreadableRow), (8, ProblemKind::Balance)]
    );
}

fn bisnis(rows: &[&str], trailer: &[&str]) -> Vec<u8> {
    let head = [
        "\"No. rekening : 0350000001\"",
        "\"Nama : PT ACME\"",
        "\"Periode : 28/12/2025 - 03/01/2026\"",
        "\"Kode Mata Uang : Rp\"",
        "\"Tanggal Transaksi\",\"Keterangan\",\"Cabang\",\"Jumlah\",\"Saldo\"",
    ];
    ([&head[..], rows, trailer].concat().join("\r\n") + "\r\n").into_bytes()
}

const BISNIS_TRAILER: [&str; 4] = [
    "\"Saldo Awal : 1,000.00\"",
    "\"Mutasi Debet : 50.00\",\"1\"",
    "\"Mutasi Kredit : 100.00\",\"1\"",
    "\"Saldo Akhir : 1,050.00\"",
];

#[test]
fn a_text_in_quotes_may_have_quotes_and_several_lines() {
    let rows = [
        "\"30/12\",\"TOKO \"\"A\"\", B\",\"0000\",\"100.00 CR\",\"1,100.00\"",
        "\"02/01\",\"BIAYA",
        "",
        "ADM",
        "JAN\",\"0000\",\"50.00 DB\",\"1,050.00\"",
    ];
    let found = sound(&bisnis(&rows, &BISNIS_TRAILER), "klikbca-bisnis");
    let told: Vec<_> = found.rows.iter().map(|row| (row.row, row.description.as_str())).collect();
    assert_eq!(told, [(6, "TOKO \"A\", B"), (7, "BIAYA ADM JAN")]);
}

#[test]
fn a_text_that_is_never_ended_takes_no_other_row() {
    let rows = [
        "\"30/12\",\"CUT",
        "\"30/12\",\"A\",\"0000\",\"100.00 CR\",\"1,100.00\"",
        "\"02/01\",\"B\",\"0000\",\"50.00 DB\",\"1,050.00\"",
        "\"02/01\",\"CUT",
    ];
    let unreadable = ProblemKind::UnreadableRow;
    assert_eq!(
        problems(&bisnis(&rows, &BISNIS_TRAILER), "klikbca-bisnis"),
        [(6, unreadable), (9, unreadable)]
    );
    assert!(problems(&bisnis(&rows[..1], &[]), "klikbca-bisnis").contains(&(6, unreadable)));
}
