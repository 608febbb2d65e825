//! Goal: the tables of Mandiri, BNI and BRI are read right, with their pitfalls, or refused with the line named.
//!
//! No file of these banks is free to be kept here: each is made after the published layout.

mod common;

use common::{iso, problems, rows, sound, statements};
use kasir_statements::ProblemKind::{self, UnreadableRow};

const KOPRA: &str = "AccountNo;Ccy;PostDate;Remarks;AdditionalDesc;Credit Amount;Debit Amount;Close Balance";

fn file(lines: &[&str]) -> Vec<u8> {
    (lines.join("\r\n") + "\r\n").into_bytes()
}

#[test]
fn mandiri_kopra_has_money_in_before_money_out() {
    let found = sound(
        &file(&[
            KOPRA,
            "1234567890;IDR;16 March 2026 09:34:53;TRANSFER DARI;BUDI SANTOSO;150000.00;0.00;1150000.00",
            "1234567890;IDR;17 Maret 2026 10:00:00;BIAYA ADM;;.00;6500.00;1143500.00",
        ]),
        "mandiri-kopra",
    );
    assert_eq!((found.account.number.as_str(), found.account.currency.as_str()), ("1234567890", "IDR"));
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_000, Some(115_000_000), "TRANSFER DARI BUDI SANTOSO"),
            ("2026-03-17".to_owned(), -650_000, Some(114_350_000), "BIAYA ADM"),
        ]
    );
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(100_000_000), Some(114_350_000)));
}

#[test]
fn one_file_may_hold_several_accounts_mixed() {
    let found = statements(
        &file(&[
            KOPRA,
            "111;IDR;16 March 2026;A;;10.00;0.00;110.00",
            "222;USD;16 March 2026;B;;20.00;0.00;20.00",
            "111;IDR;16 March 2026;C;;0.00;5.00;105.00",
        ]),
        "mandiri-kopra",
    );
    let seen: Vec<_> = found
        .iter()
        .map(|s| (s.account.number.as_str(), s.account.currency.as_str(), s.rows.len()))
        .collect();
    assert_eq!(seen, [("111", "IDR", 2), ("222", "USD", 1)]);
    assert!(found.iter().all(|s| s.end.problems.is_empty()));
}

#[test]
fn the_newest_row_may_stand_first() {
    let newest_first = file(&[
        KOPRA,
        "111;IDR;17 March 2026;C;;0.00;5.00;115.00",
        "111;IDR;17 March 2026;B;;20.00;0.00;120.00",
        "111;IDR;16 March 2026;A;;10.00;0.00;100.00",
    ]);
    let found = sound(&newest_first, "mandiri-kopra");
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(9_000), Some(11_500)));
    let broken = String::from_utf8(newest_first).expect("text").replace("20.00;0.00;120", "21.00;0.00;120");
    assert_eq!(problems(broken.as_bytes(), "mandiri-kopra"), [(4, ProblemKind::Balance)]);
}

#[test]
fn mandiri_mcm_writes_zero_as_a_point_and_two_digits() {
    let found = sound(
        &file(&[
            "Account No,Date,Val. Date,Transaction Code,Description,Description,Reference No.,Debit,Credit",
            "1234567890,31/12/25,02/01/26,1234,\"MCM InhouseTrf, DARI BUDI\",pesanan 12,99102,.00,\"150,000.00\"",
            "1234567890,02/01/26,02/01/26,1234,BIAYA,,,\"6,500.00\",.00",
        ]),
        "mandiri-mcm",
    );
    assert_eq!(
        rows(&found),
        [
            ("2025-12-31".to_owned(), 15_000_000, None, "MCM InhouseTrf, DARI BUDI pesanan 12 99102"),
            ("2026-01-02".to_owned(), -650_000, None, "BIAYA"),
        ]
    );
    assert_eq!(found.rows[0].value_date.map(iso).as_deref(), Some("2026-01-02"));
    assert!(!found.end.sums_checked);
}

#[test]
fn bni_writes_times_with_points_and_a_comma_at_the_end() {
    let found = sound(
        &file(&[
            "Account No : 0987654321",
            "Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,",
            "16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,TRANSFER DARI BUDI,.00,\"150,000.00\",",
            "Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,",
            "17/03/26 09.34.53,16/03/26 09.34.53,0123,987655,BIAYA,\"6,500.00\",.00,",
        ]),
        "bni",
    );
    assert_eq!(found.account.number, "0987654321");
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_000, None, "987654 TRANSFER DARI BUDI"),
            ("2026-03-17".to_owned(), -650_000, None, "987655 BIAYA"),
        ]
    );
}

#[test]
fn bri_cms_has_nineteen_columns() {
    let names = "ID,NOREK,TGL_TRAN,TGL_EFEKTIF,JAM_TRAN,SEQ,KODE_TRAN,DESK_TRAN,SALDO_AWAL_MUTASI,MUTASI_DEBET,\
                 MUTASI_KREDIT,SALDO_AKHIR_MUTASI,GLSIGN,TRUSER,KODE_TRAN_TELLER,TRREMK,AUXTRC,SERIAL,REMARK_CUSTOM";
    let found = sound(
        &file(&[
            names,
            "1,123456789012345,2026-03-16 00:00:00,2026-03-16,093453,1,1,TRF,1000000.00,0.00,150000.00,1150000.00,C,,,,,,BUDI",
            "2,123456789012345,17/03/2026,17/03/2026,093453,2,1,BIAYA,1150000.00,6500.00,0.00,1143500.00,D,,,,,,",
        ]),
        "bri-cms",
    );
    assert_eq!(found.account.number, "123456789012345");
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_000, Some(115_000_000), "TRF BUDI"),
            ("2026-03-17".to_owned(), -650_000, Some(114_350_000), "BIAYA"),
        ]
    );
}

#[test]
fn bri_internet_banking_has_a_decimal_comma() {
    let found = sound(
        &file(&[
            "Nomor Rekening,=,'0123 01 000456 50 7",
            "Tanggal Transaksi,Uraian Transaksi,Teller,Debet,Kredit,Saldo",
            "16/03/26,TRANSFER DARI BUDI,8888123,\"0,00\",\"150.000,00\",\"1.150.000,00\"",
            "17/03/26,BIAYA ADM,,\"6.500,00\",\"0,00\",\"1.143.500,00\"",
            "Saldo Akhir,,,,,\"1.143.500,00\"",
        ]),
        "bri-internet",
    );
    assert_eq!(found.account.number, "012301000456507");
    let amounts: Vec<_> = found.rows.iter().map(|row| (row.amount_minor, row.balance_minor)).collect();
    assert_eq!(amounts, [(15_000_000, Some(115_000_000)), (-650_000, Some(114_350_000))]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases = [
        "111;IDR;16 March 2026;A;;;-;110.00",
        "111;IDR;16 March 2026;A;;1.00;2.00;100.00",
        "111;IDR;16 March 2026;A;;-1.00;0.00;100.00",
        "111;IDR;16 March 2026;A;;1,00;0.00;100.00",
        "111;IDR;16 March 2026;A;;150.000;0;260.00",
        "111;IDR;16 March 2026;A;;150.00;0;260.000",
        "111;IDR;16 March 2026;A;;1.00;0.00;",
        "111;IDR;31 February 2026;A;;1.00;0.00;100.00",
        "111;XXX;16 March 2026;A;;1.00;0.00;100.00",
        "A;IDR;16 March 2026;A;;1.00;0.00;100.00",
        "garbage",
    ];
    for case in cases {
        let data = file(&[KOPRA, "111;IDR;16 March 2026;A;;10.00;0.00;110.00", case]);
        assert_eq!(problems(&data, "mandiri-kopra"), [(3, UnreadableRow)], "{case}");
    }
}

const MCM: &str =
    "Account No,Date,Val. Date,Transaction Code,Description,Description,Reference No.,Debit,Credit";
const BNI: &str = "Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,";

#[test]
fn a_separator_without_quotes_moves_no_amount() {
    for row in [
        "16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,TEXT,.00,150,000.00,",
        "16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,ORDER 1, 2500000,.00,\"150,000.00\",",
    ] {
        assert_eq!(problems(&file(&[BNI, row]), "bni"), [(2, UnreadableRow)], "{row}");
    }
    let row = "111;IDR;16 March 2026;A;INV;500;150000.00;0.00;1150000.00";
    assert_eq!(problems(&file(&[KOPRA, row]), "mandiri-kopra"), [(2, UnreadableRow)]);
}

#[test]
fn a_row_that_is_cut_off_is_not_read() {
    let whole = "1234567890,16/03/26,16/03/26,1234,TEXT,MORE,99102,.00,\"150,000.00\"";
    for cut in ["\"150,000.00", "\"150", ""] {
        let data = format!("{MCM}\n{whole}\n1234567890,16/03/26,16/03/26,1234,TEXT,MORE,99102,.00,{cut}");
        assert_eq!(problems(data.as_bytes(), "mandiri-mcm"), [(3, UnreadableRow)], "{cut}");
    }
    let data = file(&[MCM, whole, "1234567890,16/03/26,16/03/26,1234,TEXT,MORE,99102,5.00"]);
    assert_eq!(problems(&data, "mandiri-mcm"), [(3, UnreadableRow)]);
    let data = file(&[KOPRA, "111;IDR;16 March 2026;A;;10.00;0.00"]);
    assert_eq!(problems(&data, "mandiri-kopra"), [(2, UnreadableRow)]);
}

#[test]
fn a_text_in_quotes_may_have_several_lines() {
    let found = sound(
        &file(&[MCM, "1234567890,16/03/26,16/03/26,1234,\"TEXT\r\nX\",MORE,99102,.00,\"150,000.00\""]),
        "mandiri-mcm",
    );
    assert_eq!(rows(&found), [("2026-03-16".to_owned(), 15_000_000, None, "TEXT X MORE 99102")]);
}

#[test]
fn thousands_in_the_other_way_of_writing_are_not_taken_for_decimals() {
    let header = "Tanggal Transaksi,Uraian Transaksi,Teller,Debet,Kredit,Saldo";
    let data = file(&[header, "16/03/26,TEXT,1,\"0\",\"150,000\",\"650,000\""]);
    assert_eq!(problems(&data, "bri-internet"), [(2, UnreadableRow)]);
}

const BRI: &str = "Tanggal Transaksi,Uraian Transaksi,Teller,Debet,Kredit,Saldo";

#[test]
fn lines_of_sums_are_none_of_the_rows() {
    let one = "16/03/26,TEXT,1,\"0,00\",\"150.000,00\",\"1.150.000,00\"";
    let other = "17/03/26,TEXT,1,\"50.000,00\",\"0,00\",\"1.100.000,00\"";
    let cases: [(&str, &[&str]); 5] = [
        ("a balance with a day", &["16/03/26,Saldo Awal,,,,\"1.000.000,00\"", one, other]),
        (
            "a balance without one",
            &[",Saldo Awal,,,,\"1.000.000,00\"", one, other, "Saldo Akhir,,,,,\"1.100.000,00\""],
        ),
        (
            "totals of each page",
            &[one, "Total,,,\"0,00\",\"150.000,00\",", BRI, other, "Total,,,\"50.000,00\",\"0,00\","],
        ),
        (
            "totals of all so far",
            &[one, "Total,,,\"0,00\",\"150.000,00\",", BRI, other, "Total,,,\"50.000,00\",\"150.000,00\","],
        ),
        (
            "totals on two lines",
            &[one, other, "Total Debet,,,\"50.000,00\",,", "\"Total Kredit : 150.000,00\",,,,,"],
        ),
    ];
    for (name, lines) in cases {
        let found = sound(&file(&[&[BRI], lines].concat()), "bri-internet");
        let amounts: Vec<i64> = found.rows.iter().map(|row| row.amount_minor).collect();
        assert_eq!(
            (amounts, found.end.opening_minor),
            (vec![15_000_000, -5_000_000], Some(100_000_000)),
            "{name}"
        );
    }
    for wrong in ["Total,,,\"50.000,00\",\"150.000,01\",", "Total Kredit,,,,\"1,00\","] {
        assert_eq!(
            problems(&file(&[BRI, one, other, wrong]), "bri-internet"),
            [(0, ProblemKind::Total)],
            "{wrong}"
        );
    }
    let other_opening = ["16/03/26,Saldo Awal,,,,\"1.000.001,00\"", one];
    assert_eq!(
        problems(&file(&[&[BRI], &other_opening[..]].concat()), "bri-internet"),
        [(3, ProblemKind::Balance)]
    );
}

#[test]
fn a_line_of_sums_names_no_account() {
    let row = "1234567890,16/03/26,16/03/26,1234,TEXT,MORE,99102,.00,\"150,000.00\"";
    let total = "Total,,,,,,,.00,\"150,000.00\"";
    assert_eq!(sound(&file(&[MCM, row, total]), "mandiri-mcm").rows.len(), 1);
    assert_eq!(problems(&file(&[MCM, row, row, total]), "mandiri-mcm"), [(0, ProblemKind::Total)]);
    let kopra = ["111;IDR;16 March 2026;A;;10.00;0.00;110.00", "Total;;;;;10.00;0.00;"];
    assert_eq!(sound(&file(&[&[KOPRA], &kopra[..]].concat()), "mandiri-kopra").rows.len(), 1);
}

#[test]
fn a_row_of_nothing_is_a_row_and_one_that_waits_needs_no_balance() {
    let found = sound(
        &file(&[
            BRI,
            "16/03/26,TEXT,1,\"0,00\",\"150.000,00\",\"1.150.000,00\"",
            "16/03/26,NIHIL,1,\"0,00\",\"0,00\",\"1.150.000,00\"",
            "PEND,TUNGGU,1,\"0,00\",\"5.000,00\",",
        ]),
        "bri-internet",
    );
    let told: Vec<_> = found
        .rows
        .iter()
        .map(|row| (iso(row.date), row.amount_minor, row.balance_minor, row.pending))
        .collect();
    let day = || "2026-03-16".to_owned();
    assert_eq!(
        told,
        [
            (day(), 15_000_000, Some(115_000_000), false),
            (day(), 0, Some(115_000_000), false),
            (day(), 500_000, None, true),
        ]
    );
}

#[test]
fn accounts_may_be_in_any_currency() {
    let found = statements(
        &file(&[
            KOPRA,
            "1;MYR;16 March 2026;A;;10.50;0.00;110.50",
            "2;KWD;16 March 2026;A;;10.500;0;110.500",
        ]),
        "mandiri-kopra",
    );
    let told: Vec<_> = found.iter().map(|s| (s.account.currency.as_str(), s.rows[0].amount_minor)).collect();
    assert_eq!(told, [("MYR", 1_050), ("KWD", 10_500)]);
}

#[test]
fn a_row_that_cannot_be_placed_opens_no_account() {
    let found = statements(
        &file(&[
            KOPRA,
            "A;IDR;16 March 2026;A;;1.00;0.00;100.00",
            "111;IDR;16 March 2026;A;;10.00;0.00;110.00",
        ]),
        "mandiri-kopra",
    );
    assert_eq!((found.len(), found[0].account.number.as_str(), found[0].end.problems[0].row), (1, "111", 2));
}

#[test]
fn bni_may_write_amounts_in_one_column_beside_their_side() {
    let header = "Post Date,Value Date,Branch,Journal No.,Description,Amount,D/K,Balance";
    let sheet = file(&[
        "Account No. :,0123456789",
        header,
        "16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,TRANSFER DARI BUDI,\"150,000.00\",K,\"1,150,000.00\"",
        header,
        "16/03/26 10.00.00,16/03/26 10.00.00,0123,987655,BIAYA ADM,\"6,500.00\",D,\"1,143,500.00\"",
    ]);
    let found = sound(&sheet, "bni");
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_000, Some(115_000_000), "987654 TRANSFER DARI BUDI"),
            ("2026-03-16".to_owned(), -650_000, Some(114_350_000), "987655 BIAYA ADM"),
        ]
    );
    let in_other_words = file(&[
        "Posting Date,Effective Date,Branch,Journal,Transaction Description,Amount,DB/CR,Balance",
        "16/03/2026 09:34:53,16/03/2026 09:34:53,0123,987654,TRANSFER DARI BUDI,\"150,000.00\",Cr,\"1,150,000.00\"",
    ]);
    assert_eq!(sound(&in_other_words, "bni").rows[0].amount_minor, 15_000_000);
    for row in [
        "16/03/26,16/03/26,0123,1,A,\"1,000.00\",X,\"2,000.00\"",
        "16/03/26,16/03/26,0123,1,A,,K,\"2,000.00\"",
        "16/03/26,16/03/26,0123,1,A,\"-1,000.00\",D,\"2,000.00\"",
        "16/03/26,16/03/26,0123,1,A,\"1,000.00\"",
    ] {
        assert_eq!(problems(&file(&[header, row]), "bni"), [(2, UnreadableRow)], "{row}");
    }
    let broken = file(&[
        header,
        "16/03/26,16/03/26,0123,1,A,\"1,000.00\",K,\"2,000.00\"",
        "16/03/26,16/03/26,0123,2,B,\"500.00\",K,\"1,500.00\"",
    ]);
    assert_eq!(problems(&broken, "bni"), [(3, ProblemKind::Balance)]);
}
