//! Goal: pages and packed spreadsheets are read like the tables they hold, and none of them fills the memory.
//!
//! No such file is free to be kept here: each is made after the published layout.

mod common;

use std::io::{Cursor, Write as _};

use common::{iso, options, problems, read_in_pieces, rows, sound};
use kasir_statements::{Options, ProblemKind, StatementError};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const PAGE: &str = "klikbca-html";

fn page(header: &str, rows: &[&str], trailer: &[&str]) -> Vec<u8> {
    let mut lines = vec![
        "<html><head><title>KlikBCA</title><style>td { color: #fff }</style></head><body><table border=1>".to_owned(),
        "<tr><td>Nomor Rekening</td><td>:</td><td>0111222333</td></tr>".to_owned(),
        "<tr><td>Nama</td><td>:</td><td>JOHN &amp; DOE</td></tr>".to_owned(),
        "<tr><td>Periode : 25/12/2025 - 05/01/2026</td></tr><tr><td>Mata Uang</td><td>:</td><td>Rp</td></tr></table>".to_owned(),
        "<table>".to_owned(),
    ];
    let row = |cells: &str| format!("<tr><td>{}</td></tr>", cells.replace('|', "</td><td align='right'>"));
    lines.extend([header].iter().chain(rows).chain(trailer).map(|cells| row(cells)));
    lines.push("</table></body></html>".to_owned());
    (lines.join("\r\n") + "\r\n").into_bytes()
}

const TRAILER: [&str; 4] = [
    "Saldo Awal|:|1,000.00",
    "Mutasi Kredit|:|500.00|1",
    "Mutasi Debet|:|200.00|1",
    "Saldo Akhir|:|1,300.00",
];

#[test]
fn a_page_of_klikbca_for_persons() {
    let data = page(
        "Tgl.|Keterangan|Cab.|Mutasi||Saldo",
        &[
            "31/12|SETORAN<br>TUNAI|0000|500.00|CR|1,500.00",
            "02/01|TARIKAN ATM&nbsp;|0998|200.00|DB|1,300.00",
        ],
        &TRAILER,
    );
    let found = sound(&data, PAGE);
    assert_eq!((found.account.number.as_str(), found.account.holder.as_str()), ("0111222333", "JOHN & DOE"));
    assert_eq!(
        rows(&found),
        [
            ("2025-12-31".to_owned(), 50_000, Some(150_000), "SETORAN TUNAI"),
            ("2026-01-02".to_owned(), -20_000, Some(130_000), "TARIKAN ATM"),
        ]
    );
    assert_eq!(found.rows[0].row, 7);
}

#[test]
fn a_page_of_klikbca_for_companies() {
    let header = "Tanggal Transaksi|Keterangan|Cabang|Jumlah|Saldo";
    let rows = ["31/12/2025|SETORAN|0000|500.00 CR|1,500.00", "02/01/2026|TARIKAN|0998|200.00 DB|1,300.00"];
    let found = sound(&page(header, &rows, &TRAILER), PAGE);
    assert_eq!(found.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [50_000, -20_000]);
    let missing = page(header, &rows[..1], &TRAILER);
    assert!(problems(&missing, PAGE).contains(&(0, ProblemKind::Total)));
    let cut = page(header, &rows, &TRAILER[..2]);
    assert_eq!(problems(&cut, PAGE), [(0, ProblemKind::Structure)]);
    let damaged = page(header, &["31/12/2025|SETORAN|0000|500.0 CR|1,500.00", rows[1]], &TRAILER);
    assert!(problems(&damaged, PAGE).contains(&(7, ProblemKind::UnreadableRow)));
}

fn packed(sheet: &str) -> Vec<u8> {
    packed_with(sheet, "", &[])
}

/// A book of one sheet with `properties` of the book and with `texts` that cells may name. Style 1 is a day.
fn packed_with(sheet: &str, properties: &str, texts: &[&str]) -> Vec<u8> {
    let texts = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect::<Vec<_>>().concat();
    let relation = |id: &str, kind: &str, target: &str| {
        format!(
            "<Relationship Id='{id}' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}' Target='{target}'/>"
        )
    };
    let relations = [
        relation("r1", "worksheet", "worksheets/sheet1.xml"),
        relation("r2", "sharedStrings", "sharedStrings.xml"),
        relation("r3", "styles", "styles.xml"),
    ]
    .concat();
    let parts = [
        (
            "xl/sharedStrings.xml",
            format!("<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>{texts}</sst>"),
        ),
        (
            "xl/styles.xml",
            "<styleSheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><cellXfs count='2'>\
             <xf numFmtId='0'/><xf numFmtId='14' applyNumberFormat='1'/></cellXfs></styleSheet>"
                .to_owned(),
        ),
        (
            "[Content_Types].xml",
            "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>".to_owned(),
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'><Relationship Id='r1' \
             Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument' Target='xl/workbook.xml'/>\
             </Relationships>"
                .to_owned(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>{relations}</Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main' \
                 xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'>{properties}<sheets>\
                 <sheet name='Mutasi' sheetId='1' r:id='r1'/></sheets></workbook>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(
                "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>{sheet}</sheetData></worksheet>"
            ),
        ),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(name, SimpleFileOptions::default()).expect("a part");
        archive.write_all(text.as_bytes()).expect("it is written");
    }
    archive.finish().expect("it is packed").into_inner()
}

/// A row of cells from the first column on; those that begin with `#` are numbers, with `@` days.
fn sheet_row(number: usize, cells: &[&str]) -> String {
    let cells: String = (b'A'..)
        .zip(cells)
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(column, cell)| {
            let at = format!("{}{number}", char::from(column));
            match (cell.strip_prefix('#'), cell.strip_prefix('@')) {
                (Some(value), _) => format!("<c r='{at}'><v>{value}</v></c>"),
                (_, Some(day)) => format!("<c r='{at}' s='1'><v>{day}</v></c>"),
                _ => format!("<c r='{at}' t='inlineStr'><is><t>{cell}</t></is></c>"),
            }
        })
        .collect();
    format!("<row r='{number}'>{cells}</row>")
}

#[test]
fn a_packed_sheet_of_cimb_octo() {
    let header = ["Tgl. Txn", "Tgl. Valuta", "Deskripsi", "No. Ref/Cek", "Debit", "Kredit", "Saldo"];
    let sheet = [
        sheet_row(1, &["Nomor Rekening", "761234567800"]),
        sheet_row(3, &header),
        sheet_row(4, &["#46097", "#46097.5", "TRANSFER DARI BUDI", "REF1", "", "#150000.1", "#1150000.1"]),
        sheet_row(5, &header),
        sheet_row(6, &["17/03/2026", "17/03/2026", "BIAYA", "", "6,500.10", "0", "1,143,500.00"]),
    ]
    .concat();
    let found = sound(&packed(&sheet), "cimb-octo");
    assert_eq!(found.account.number, "761234567800");
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_010, Some(115_000_010), "TRANSFER DARI BUDI REF1"),
            ("2026-03-17".to_owned(), -650_010, Some(114_350_000), "BIAYA"),
        ]
    );
    assert_eq!(found.rows[0].value_date.map(iso).as_deref(), Some("2026-03-16"));
    assert_eq!((found.rows[0].row, found.rows[1].row), (4, 6));
}

#[test]
fn a_packed_sheet_of_bni() {
    let header = ["Post Date", "Value Date", "Branch", "Journal No.", "Description", "Debit", "Credit"];
    let sheet = [
        sheet_row(1, &["Account No", "0987654321"]),
        sheet_row(2, &header),
        sheet_row(3, &["@46097.4", "#46097", "0123", "#987654", "TRANSFER DARI BUDI", "#0", "#150000"]),
        sheet_row(4, &header),
        sheet_row(5, &["17/03/26 09.34.53", "17/03/26", "0123", "987655", "BIAYA", "6,500.00", ".00"]),
    ]
    .concat();
    let data = packed(&sheet);
    let found = sound(&data, "bni");
    assert_eq!((found.format, found.account.number.as_str()), ("bni", "0987654321"));
    assert_eq!(
        rows(&found),
        [
            ("2026-03-16".to_owned(), 15_000_000, None, "987654 TRANSFER DARI BUDI"),
            ("2026-03-17".to_owned(), -650_000, None, "987655 BIAYA"),
        ]
    );
    let named =
        read_in_pieces(&data, 65_536, &Options { format: Some("bni"), ..options() }).expect("it is one");
    assert_eq!(named.1, [found]);
}

#[test]
fn any_packed_sheet_by_a_mapping() {
    let mapping = "account = \"9\"\n[columns]\ndate = \"Tanggal\"\ndescription = \"Uraian\"\namount = \"Jumlah\"\nbalance = \"Saldo\"\n";
    let sheet = [
        sheet_row(1, &["Bank X"]),
        sheet_row(3, &["Tanggal", "Uraian", "Jumlah", "Saldo"]),
        sheet_row(4, &["@46097", "SETORAN", "#150000.5", "#150000.5", "catatan"]),
        sheet_row(5, &["2026-03-17", "TARIKAN", "-50,000.50", "#100000"]),
        sheet_row(6, &["2026-03-17", "TANPA SALDO", "#1"]),
    ]
    .concat();
    for more in ["", "date_format = \"YYYY-MM-DD\"\ndecimal = \".\"\n"] {
        let mapping = format!("{more}{mapping}");
        let options = Options { mapping: Some(&mapping), ..options() };
        let (summary, found) = read_in_pieces(&packed(&sheet), 65_536, &options).expect("it fits");
        assert_eq!(summary.format, "mapped-csv");
        assert_eq!(found[0].end.problems, []);
        let told: Vec<_> = found[0]
            .rows
            .iter()
            .map(|row| (row.row, iso(row.date), row.amount_minor, row.balance_minor))
            .collect();
        assert_eq!(
            told,
            [
                (4, "2026-03-16".to_owned(), 15_000_050, Some(15_000_050)),
                (5, "2026-03-17".to_owned(), -5_000_050, Some(10_000_000)),
                (6, "2026-03-17".to_owned(), 100, None),
            ]
        );
    }
}

#[test]
fn days_are_counted_from_the_year_that_the_book_says() {
    let header = ["Tgl. Txn", "Deskripsi", "Debit", "Kredit", "Saldo"];
    for (properties, day) in [("", "@46097.75"), ("<workbookPr date1904='1'/>", "@44635.75")] {
        let sheet = sheet_row(1, &header) + &sheet_row(2, &[day, "A", "", "#1", "#1"]);
        let found = sound(&packed_with(&sheet, properties, &[]), "cimb-octo");
        assert_eq!(iso(found.rows[0].date), "2026-03-16", "{day}");
    }
}

#[test]
fn a_text_that_many_cells_name_is_not_copied_without_end() {
    let header = sheet_row(1, &["Tgl. Txn", "Deskripsi", "Debit", "Kredit", "Saldo"]);
    let row = |number: usize| {
        let cells = ('A'..='Z').map(|column| format!("<c r='{column}{number}' t='s'><v>0</v></c>"));
        let cells = cells.collect::<Vec<_>>().concat();
        format!("<row r='{number}'>{cells}</row>")
    };
    let long = packed_with(&(header.clone() + &row(2)), "", &[&"x".repeat(1024 * 1024)]);
    let refused = read_in_pieces(&long, 65_536, &options());
    assert!(
        matches!(&refused, Err(StatementError::Broken(words)) if words.contains("row 2 ")),
        "{refused:?}"
    );
    let rows: String = (2..1_000).map(row).collect();
    let many = packed_with(&(header + &rows), "", &[&"x".repeat(16 * 1024)]);
    assert!(many.len() < 100_000);
    let refused = read_in_pieces(&many, 65_536, &options());
    assert!(
        matches!(&refused, Err(StatementError::Unrecognised(words)) if words.contains("text")),
        "{refused:?}"
    );
}

#[test]
fn a_directory_of_many_parts_is_refused_before_it_is_read() {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for part in 0..20_000 {
        archive.start_file(format!("xl/{part}"), SimpleFileOptions::default()).expect("a part");
    }
    let data = archive.finish().expect("it is packed").into_inner();
    let refused = read_in_pieces(&data, 65_536, &options());
    assert!(
        matches!(&refused, Err(StatementError::Broken(words)) if words.contains("more parts")),
        "{refused:?}"
    );
}

#[test]
fn a_packed_file_that_unpacks_to_a_thousand_times_more_is_refused() {
    let bomb = packed(&" ".repeat(60 * 1024 * 1024));
    assert!(bomb.len() < 1_000_000);
    let refused = read_in_pieces(&bomb, 65_536, &options());
    assert!(
        matches!(&refused, Err(StatementError::Unrecognised(words)) if words.contains("unpacked")),
        "{refused:?}"
    );
}

#[test]
fn a_packed_file_cut_anywhere_is_refused() {
    let whole = packed(&sheet_row(1, &["Tgl. Txn", "Deskripsi", "Debit", "Kredit", "Saldo"]));
    for length in (0..whole.len()).step_by(7) {
        assert!(read_in_pieces(&whole[..length], 65_536, &options()).is_err());
    }
}
