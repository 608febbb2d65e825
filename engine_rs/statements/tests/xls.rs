//! Goal: spreadsheets of the old kind give the rows that packed ones would, to the sen; what is locked, damaged or made to fill the
//! memory is refused with a reason.
//!
//! The samples were written by xlwt and by Spreadsheet::WriteExcel. What no program writes is made out of them here.

mod common;

use std::io::{Cursor, Read as _, Write as _};

use cfb::CompoundFile;
use common::{iso, options, problems, read_in_pieces, rows, sample, sound};
use kasir_statements::{Options, ProblemKind, StatementError};

const MAPPING: &str = "account = \"9\"\n[columns]\ndate = \"Tanggal\"\ndescription = \"Uraian\"\namount = \"Jumlah\"\nbalance = \"Saldo\"\n";

/// The records of a sample.
fn records(name: &str) -> Vec<u8> {
    let mut file = CompoundFile::open(Cursor::new(sample(name))).expect("a compound file");
    let mut stream = Vec::new();
    file.open_stream("Workbook").expect("a book").read_to_end(&mut stream).expect("it is read");
    stream
}

/// A compound file with one stream.
fn compound(name: &str, stream: &[u8]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).expect("a compound file");
    file.create_stream(name).expect("a stream").write_all(stream).expect("it is written");
    file.into_inner().into_inner()
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a record");
    [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

fn refused(data: &[u8]) -> String {
    read_in_pieces(data, 65_536, &options()).expect_err("not read").to_string()
}

#[test]
fn a_sheet_of_bni() {
    let found = sound(&sample("xls/xlwt_bni.xls"), "bni");
    assert_eq!((found.account.number.as_str(), found.account.currency.as_str()), ("0987654321", "IDR"));
    assert_eq!(found.rows.len(), 150);
    let (credit, debit): (Vec<i64>, Vec<i64>) =
        found.rows.iter().map(|row| row.amount_minor).partition(|amount| *amount > 0);
    assert_eq!((credit.iter().sum::<i64>(), debit.iter().sum::<i64>()), (2_222_817_775, -24_327_870));
    let told = rows(&found);
    let behind = "PEMBELIAN BARANG DAGANGAN TOKO";
    for (index, date, amount, text) in [
        (0, "2026-03-01", 15_000_000, format!("987000 TRANSFER DARI EKA WIDODO | FAKTUR 1 {behind}")),
        (
            10,
            "2026-03-03",
            16_000_010,
            format!("987010 TRANSFER DARI IR. LALA HARDIANSYAH | UANG MUKA – FAKTUR 11 {behind}"),
        ),
        (149, "2026-03-30", 15_014_900, String::new()),
    ] {
        assert_eq!((told[index].0.as_str(), told[index].1), (date, amount), "row {index}");
        assert!(text.is_empty() || told[index].3 == text, "{:?}", told[index]);
    }
    assert!(found.rows.iter().all(|row| row.value_date == Some(row.date)));
    assert_eq!((found.rows[0].row, found.rows[100].row), (5, 106));
}

#[test]
fn a_sheet_of_cimb_octo_that_counts_days_from_1904() {
    let found = sound(&sample("xls/xlwt_cimb_1904.xls"), "cimb-octo");
    assert_eq!(found.account.number, "761234567800");
    let told: Vec<_> =
        found.rows.iter().map(|row| (iso(row.date), row.amount_minor, row.balance_minor)).collect();
    assert_eq!(
        told,
        [
            ("2026-03-16".to_owned(), 15_000_010, Some(115_000_010)),
            ("2026-03-17".to_owned(), -650_010, Some(114_350_000)),
            ("2026-03-18".to_owned(), 123_456_789, Some(237_806_789)),
            ("2026-03-19".to_owned(), -2_500_000, Some(235_306_789)),
            ("2026-03-20".to_owned(), 1, Some(235_306_790)),
        ]
    );
}

#[test]
fn a_balance_that_is_broken() {
    let found = problems(&sample("xls/xlwt_cimb_broken.xls"), "cimb-octo");
    assert_eq!(found, [(6, ProblemKind::Balance), (7, ProblemKind::Balance)]);
}

/// Written column by column, with formulas whose results are numbers and a text.
#[test]
fn any_sheet_by_a_mapping() {
    let options = Options { mapping: Some(MAPPING), ..options() };
    for size in [usize::MAX, 100] {
        let data = sample("xls/writeexcel_mapped.xls");
        let (summary, found) = read_in_pieces(&data, size, &options).expect("it fits");
        assert_eq!((summary.format, found[0].end.problems.len()), ("mapped-csv", 0));
        assert_eq!(
            rows(&found[0]),
            [
                ("2026-03-16".to_owned(), 15_000_050, Some(15_000_050), "SETORAN"),
                ("2026-03-17".to_owned(), -5_000_050, Some(10_000_000), "TARIKAN"),
                ("2026-03-18".to_owned(), 7, Some(10_000_007), "BUNGA"),
                ("2026-03-18".to_owned(), 100, None, "TANPA SALDO"),
            ]
        );
    }
}

#[test]
fn what_is_locked_or_no_sheet_is_named() {
    assert!(refused(&compound("EncryptedPackage", &[0; 64])).contains("password"));
    let mut locked = records("xls/xlwt_bni.xls");
    let behind_begin = 4 + usize::from(u16::from_le_bytes([locked[2], locked[3]]));
    locked.splice(behind_begin..behind_begin, record(0x2f, &[0; 54]));
    assert!(refused(&compound("Workbook", &locked)).contains("password"));
    assert!(refused(&compound("Book", &[0; 64])).contains("before Excel 97"));
    let older = [record(0x809, &[0, 5, 5, 0, 0, 0, 0, 0]), record(0x0a, &[])].concat();
    assert!(refused(&compound("Workbook", &older)).contains("before Excel 97"));
    assert!(refused(&compound("WordDocument", &[0; 64])).contains("not a spreadsheet"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = sample("xls/xlwt_cimb_1904.xls");
    for length in (8..whole.len() - 512).step_by(61) {
        let refused = read_in_pieces(&whole[..length], 65_536, &options());
        assert!(refused.is_err(), "cut at {length}");
    }
    let records = records("xls/xlwt_cimb_1904.xls");
    let end = records.iter().rposition(|byte| *byte != 0).expect("records");
    for length in (1..end).step_by(7) {
        let refused = read_in_pieces(&compound("Workbook", &records[..length]), 65_536, &options());
        assert!(refused.is_err(), "its records are cut at {length}");
    }
}

/// Here and there a byte of the book is another one: whatever comes of it, the reader lives and is quick.
#[test]
fn a_damaged_byte_ends_in_rows_or_in_a_reason() {
    let records = records("xls/xlwt_cimb_1904.xls");
    for at in (0..records.len()).step_by(17) {
        for byte in [0xff, records[at] ^ 1] {
            let mut damaged = records.clone();
            damaged[at] = byte;
            let _ = read_in_pieces(&compound("Workbook", &damaged), 65_536, &options());
        }
    }
    let whole = sample("xls/xlwt_cimb_1904.xls");
    for at in (0..80).chain(whole.len() - 1_024..whole.len()).step_by(5) {
        for byte in [0xff, whole[at].wrapping_add(1)] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let _ = read_in_pieces(&damaged, 65_536, &options());
        }
    }
}

/// A book of one sheet with these records in it, and with `texts` that its cells share.
fn book(texts: &[&str], cells: &[Vec<u8>]) -> Vec<u8> {
    let begin = |kind: u16| record(0x809, &[&[0, 6], kind.to_le_bytes().as_slice(), &[0; 12]].concat());
    let count = u32::try_from(texts.len()).expect("few").to_le_bytes();
    let mut all = [count, count].concat();
    for text in texts {
        all.extend(u16::try_from(text.len()).expect("short").to_le_bytes());
        all.push(0);
        all.extend(text.as_bytes());
    }
    let mut pieces = all.chunks(8_000);
    let mut shared = record(0xfc, pieces.next().expect("a piece"));
    for piece in pieces {
        // Where a text goes on, its flags are said again.
        shared.extend(record(0x3c, &[&[0], piece].concat()));
    }
    let sheet = |start: usize| {
        let start = u32::try_from(start).expect("near").to_le_bytes();
        record(0x85, &[start.as_slice(), &[0, 0, 1, 0, b'M']].concat())
    };
    let globals = begin(5).len() + sheet(0).len() + shared.len() + 4;
    [begin(5), sheet(globals), shared, record(0x0a, &[]), begin(0x10), cells.concat(), record(0x0a, &[])]
        .concat()
}

fn shared(row: u16, column: u16, text: u32) -> Vec<u8> {
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0; 2]].concat();
    record(0xfd, &[place.as_slice(), &text.to_le_bytes()].concat())
}

const HEADER: [&str; 5] = ["Tgl. Txn", "Deskripsi", "Debit", "Kredit", "Saldo"];

#[test]
fn a_text_that_many_cells_name_is_not_copied_without_end() {
    let long = "x".repeat(16 * 1_024);
    let texts: Vec<&str> = HEADER.into_iter().chain([long.as_str()]).collect();
    let header = (0..5).map(|column| shared(0, column, column.into()));
    let many = (1..1_000).flat_map(|row| (0..26).map(move |column| shared(row, column, 5)));
    let data = compound("Workbook", &book(&texts, &header.clone().chain(many).collect::<Vec<_>>()));
    assert!(refused(&data).contains("more text"));
    let missing: Vec<_> = header.chain([shared(7, 0, 99)]).collect();
    assert!(refused(&compound("Workbook", &book(&HEADER, &missing))).contains("row 8 names a text"));
}

#[test]
fn a_rectangle_that_is_claimed_takes_no_memory() {
    let huge = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0];
    let cells: Vec<_> = [record(0x200, &huge)]
        .into_iter()
        .chain((0..5).map(|column| shared(0, column, column.into())))
        .chain([shared(65_535, 65_535, 0), shared(65_534, 0, 0)])
        .collect();
    let (_, found) =
        read_in_pieces(&compound("Workbook", &book(&HEADER, &cells)), 65_536, &options()).expect("a header");
    assert_eq!(found[0].end.problem_count, 1, "the row that has a cell but no day");
    let wide = record(0xbd, &[[0, 0, 0xff, 0xff].as_slice(), &[0; 12], &[0, 0]].concat());
    assert!(refused(&compound("Workbook", &book(&HEADER, &[wide]))).contains("cut off"));
}

#[test]
fn more_cells_than_a_bank_writes_are_refused() {
    let row =
        |row: u16| record(0xbd, &[row.to_le_bytes().as_slice(), &[0, 0], &[0; 6 * 250], &[249, 0]].concat());
    let cells: Vec<_> = (0..9_000).map(row).collect();
    let refused = refused(&compound("Workbook", &book(&HEADER, &cells)));
    assert!(refused.contains("more cells"), "{refused}");
}

/// A directory whose sectors go round in a circle.
#[test]
fn sectors_in_a_circle_are_refused() {
    let mut data = sample("xls/xlwt_cimb_1904.xls");
    let sector = |data: &[u8], at: usize| {
        u32::from_le_bytes(data[at..at + 4].try_into().expect("four bytes")) as usize
    };
    let table = 512 + 512 * sector(&data, 76);
    let directory = sector(&data, 48);
    let entry = table + 4 * directory;
    let circle = u32::try_from(directory).expect("small").to_le_bytes();
    data[entry..entry + 4].copy_from_slice(&circle);
    let refused = read_in_pieces(&data, 65_536, &options());
    assert!(matches!(&refused, Err(StatementError::Broken(words)) if words.contains("XLS")), "{refused:?}");
}
