//! How many rows of a KlikBCA file are read in a second, one thread: `cargo run --release --example throughput -p kasir-statements`.
//! Arguments: MiB of the file (200), and where to write it instead of reading it from memory.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Cursor, Write as _};
use std::time::Instant;
use std::{env, error, fs};

use kasir_statements::{
    Account, DateReader, End, Options, ReadSeek, Row, Sink, Source, StatementError, read,
};

/// Counts.
#[derive(Default)]
struct Count {
    rows: u64,
    problems: u64,
}

impl Sink for Count {
    fn account(&mut self, _: &'static str, _: &Account) -> Result<(), StatementError> {
        Ok(())
    }

    fn row(&mut self, _: usize, _: &Row<'_>) -> Result<(), StatementError> {
        self.rows += 1;
        Ok(())
    }

    fn end(&mut self, _: usize, end: End) -> Result<(), StatementError> {
        self.problems += end.problem_count;
        Ok(())
    }
}

/// A year's file of transfers of different payers, whose sums agree.
fn generated(bytes: usize) -> String {
    const NAMES: [&str; 4] = ["BUDI SANTOSO", "SITI AMINAH", "AGUS SALIM", "DEWI LESTARI"];
    let mut text = "Account No.,=,'0111222333\nName,=,TOKO SEJAHTERA\nCurrency,=,IDR\n\n\
                    Date,Description,Branch,Amount,,Balance\n"
        .to_owned();
    let (mut balance, mut total, mut index) = (1_000_000_u64, 0, 0_u64);
    while text.len() < bytes {
        let amount = 10_000 + index * 7_919 % 900_000;
        balance += amount;
        total += amount;
        let (day, name) = (index * 28 / 4_000_000 % 28 + 1, NAMES[usize::try_from(index % 4).unwrap_or(0)]);
        writeln!(
            text,
            "'{day:02}/05/2026,TRSF E-BANKING CR {day:02}05/FTSCY/WS95031         {amount}.00pesanan {index:<10}       \
             {name},'0000,{amount}.00,CR,{balance}.00"
        )
        .expect("a text takes everything");
        index += 1;
    }
    write!(
        text,
        "Starting Balance,=,1000000.00\nCredit,=,{total}.00\nDebet,=,\nEnding Balance,=,{balance}.00\n"
    )
    .expect("a text takes everything");
    text
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let mut arguments = env::args().skip(1);
    let mebibytes: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let text = generated(mebibytes * 1024 * 1024);
    let bytes = text.len();
    let file: Box<dyn ReadSeek> = match arguments.next() {
        Some(path) => {
            File::create(&path)?.write_all(text.as_bytes())?;
            drop(text);
            println!("{path}: {} bytes", fs::metadata(&path)?.len());
            Box::new(File::open(path)?)
        }
        None => Box::new(Cursor::new(text)),
    };
    let today = DateReader::new(kasir_statements::Date::MIN).read("20/05/2026")?;
    let mut count = Count::default();
    let began = Instant::now();
    let mut source = Source::new(file, u64::MAX)?;
    let summary = read(&mut source, &Options::on(today), &mut count)?;
    let took = began.elapsed();
    let rate = u128::from(count.rows) * 1_000_000 / took.as_micros().max(1);
    println!(
        "{}: {} rows of {bytes} bytes in {} ms: {rate} rows/s, {} problems",
        summary.format,
        count.rows,
        took.as_millis(),
        count.problems
    );
    Ok(())
}
