//! What every reader gives, whatever the bank: accounts, their rows, and what is wrong with them.

use std::{error, fmt, io};

use time::Date;

/// The contract takes no longer text for a mutation; the rest of a longer one is cut off.
pub const MAX_DESCRIPTION_CHARS: usize = 500;
/// Longest id that a bank gives a row.
pub const MAX_REFERENCE_CHARS: usize = 100;
/// Of an account that is broken in every row, this many problems are kept, of them at most 200 breaks of a running balance; a count
/// says how many there were.
pub const MAX_PROBLEMS: usize = 1_000;
/// Most rows of one file: what telling equal rows apart may hold in memory.
pub const MAX_ROWS: u64 = 16_000_000;
/// Most accounts in one file.
pub const MAX_ACCOUNTS: usize = 1_000;

/// What the caller knows and the file does not say.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The day of the export, or of the import when that is not known, in the bank's time zone: for dates without a year.
    pub today: Date,
    /// One of the formats' names; none: found by the content.
    pub format: Option<&'a str>,
    /// Which column of a free CSV is which, as TOML or JSON.
    pub mapping: Option<&'a str>,
}

impl Options<'_> {
    /// Nothing known but the day.
    pub fn on(today: Date) -> Self {
        Self { today, format: None, mapping: None }
    }
}

/// One account, told before its first row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// As the bank writes it without blanks: digits, or an IBAN. Empty when the file does not say.
    pub number: String,
    /// ISO 4217.
    pub currency: String,
    /// Name on the account, when the file says.
    pub holder: String,
    /// The file does not say its currency: it is the usual one of such files.
    pub is_currency_assumed: bool,
}

/// One mutation as the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Line of the file (from 1), as an editor shows it; for JSON the element's number.
    pub row: u64,
    /// Booking date. A pending row has none yet: then the day that its text or another column names, else that of the row before
    /// it, else the last day of the statement's period, else the day of the export.
    pub date: Date,
    /// The day from which the bank counts the money, when the format tells.
    pub value_date: Option<Date>,
    /// Signed minor units: money in is positive.
    pub amount_minor: i64,
    /// Running balance after the row in minor units; none when the format has none.
    pub balance_minor: Option<i64>,
    /// Not posted yet: pays for nothing.
    pub pending: bool,
    /// The bank's text, blanks at its ends taken off, those inside kept: some banks pad fields with them.
    pub description: &'a str,
    /// The bank's own id of the row, when it has a real one; else empty.
    pub bank_reference: &'a str,
    /// Who paid or was paid, when the text says so plainly; else empty. Often cut off by the bank: a hint.
    pub counterparty: &'a str,
    /// Which of several equal rows of this file it is, from 1. A format leaves it at 1, the recorder numbers.
    pub occurrence: u32,
    /// The format promises that `bank_reference` names one mutation, ever: the same one is the same row.
    pub reference_is_unique: bool,
    /// The entry of which it is one payment of several, when that has an id.
    pub entry: Option<EntryRef<'a>>,
}

/// An entry that stands for several payments, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Its line in the file.
    pub row: u64,
    /// The bank's own id of it.
    pub reference: &'a str,
    /// Signed minor units: money in is positive.
    pub amount_minor: i64,
    /// Which of several equal ones of this file, a row equal to it counted too. A format leaves it at 1, the recorder numbers.
    pub occurrence: u32,
}

impl Row<'_> {
    /// A posted row of line `row` that has a date and an amount and nothing else.
    pub fn new(row: u64, date: Date, amount_minor: i64) -> Self {
        Self {
            row,
            date,
            value_date: None,
            amount_minor,
            balance_minor: None,
            pending: false,
            description: "",
            bank_reference: "",
            counterparty: "",
            occurrence: 1,
            reference_is_unique: false,
            entry: None,
        }
    }
}

/// What a problem is about, so that nobody has to read its words to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The row is not among those given.
    UnreadableRow,
    /// The running balance breaks at the row, which is among those given.
    Balance,
    /// A total, a count or the closing balance disagrees with the rows.
    Total,
    /// A part of the file is missing, doubled or out of place.
    Structure,
}

impl ProblemKind {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnreadableRow => "unreadable_row",
            Self::Balance => "balance",
            Self::Total => "total",
            Self::Structure => "structure",
        }
    }
}

/// One thing that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file (from 1), as an editor shows it; for JSON the element's number. 0: the file as a whole.
    pub row: u64,
    /// In plain words.
    pub reason: String,
    /// What it is about.
    pub kind: ProblemKind,
}

/// What is known of an account once all its rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// Minor units; none when the file has none.
    pub opening_minor: Option<i64>,
    /// Minor units; none when the file has none.
    pub closing_minor: Option<i64>,
    /// How many rows were given.
    pub rows: u64,
    /// The format carries balances or totals, and they were compared with the rows.
    pub sums_checked: bool,
    /// What does not add up, by row, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// How many problems there were.
    pub problem_count: u64,
    /// How many rows could not be read and were therefore not given.
    pub unreadable_count: u64,
}

/// Why nothing more of a file could be read.
#[derive(Debug)]
pub enum StatementError {
    /// Not a bank statement of a format we know, or larger than is taken.
    Unrecognised(String),
    /// It is a statement, but so damaged that its rows mean nothing.
    Broken(String),
    /// The file could not be read.
    Read(io::Error),
    /// The sink took no more.
    Stopped,
}

impl StatementError {
    /// A statement that is damaged, in plain words.
    pub fn broken(words: impl Into<String>) -> Self {
        Self::Broken(words.into())
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrecognised(words) | Self::Broken(words) => f.write_str(words),
            Self::Read(error) => write!(f, "the file could not be read: {error}"),
            Self::Stopped => f.write_str("reading was stopped"),
        }
    }
}

impl error::Error for StatementError {}

impl From<io::Error> for StatementError {
    fn from(error: io::Error) -> Self {
        // A reader over a source wraps the source's own errors, so that they pass through libraries that know only `io`.
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Read(error),
        }
    }
}
