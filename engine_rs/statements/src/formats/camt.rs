//! CAMT.052, CAMT.053 and CAMT.054 of ISO 20022: interim reports, statements and notifications, of every version.
//!
//! ```text
//! <Document><BkToCstmrStmt>
//!   <Stmt>                                  Rpt in CAMT.052, Ntfctn in CAMT.054
//!     <Acct><Id><IBAN>…</IBAN></Id><Ccy>EUR</Ccy></Acct>
//!     <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">18.15</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
//!     <TxsSummry><TtlNtries><NbOfNtries>1</NbOfNtries></TtlNtries></TxsSummry>
//!     <Ntry>…</Ntry>
//!   </Stmt>
//! </BkToCstmrStmt></Document>
//! ```
//!
//! Read element by element; names count without their namespace, since banks leave it out or make their own. A file that declares
//! entities is refused: no bank needs them, and they can be written so that a small file becomes an endless one.

use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use time::Date;

use super::Format;
use super::camt_entry::{Amount, Entry, day, is_in};
use super::camt_summary::Summary;
use super::chained::{Chain, Closing};
use crate::model::{Account, Options, ProblemKind, StatementError};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format =
    Format { name: "camt", title: "ISO 20022 CAMT.052, CAMT.053, CAMT.054", sniff, read };

const MESSAGES: [&str; 3] = ["BkToCstmrStmt", "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn"];
/// What holds one account's entries in each of the messages.
const STATEMENTS: [&str; 3] = ["Stmt", "Rpt", "Ntfctn"];
/// Longest tag or text; the standard's longest text has 500 characters.
const MAX_ELEMENT_BYTES: usize = 256 * 1024;
/// What is kept of one value.
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// The standard nests a dozen deep.
const MAX_PATH_BYTES: usize = 1_024;
/// Elements open at once, in a statement and around it.
const MAX_DEPTH: usize = 256;
const PIECE_BYTES: usize = 64 * 1024;

fn sniff(head: &Head) -> bool {
    head.start().starts_with('<') && MESSAGES.iter().any(|message| head.text.contains(message))
}

fn read(source: &mut Source<'_>, _: &Options<'_>, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
    let lines = Lines { inner: BufReader::with_capacity(PIECE_BYTES, source.text()), line: 1, since: 0 };
    let mut reader = Reader::from_reader(lines);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let mut file = File::new(recorder);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let lines = reader.get_mut();
        lines.since = 0;
        // Where the event begins: at the end of the one before.
        let line = lines.line;
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(event) => file.take(&event, line)?,
            Err(error) => {
                let line = reader.get_mut().line;
                file.damaged(line, error)?;
                break;
            }
        }
    }
    file.finish()
}

/// Counts lines as they are taken, and refuses an element that has no end.
struct Lines<R> {
    inner: BufReader<R>,
    /// From 1.
    line: u64,
    /// Bytes taken since the last element.
    since: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since > MAX_ELEMENT_BYTES {
            return Err(io::Error::other(StatementError::broken(format!(
                "line {}: an element is longer than any bank writes: the file is damaged",
                self.line
            ))));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let taken = &self.inner.buffer()[..amount];
        self.line += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.since += amount;
        self.inner.consume(amount);
    }
}

/// A balance being read.
#[derive(Debug, Default)]
struct Balance {
    kind: String,
    amount: Amount,
    indicator: String,
    day: String,
}

/// A balance that was read: its line, amount, whether it is money had, and its day.
type Told = (u64, Amount, bool, Option<Date>);

struct File<'r, 's> {
    recorder: &'r mut Recorder<'s>,
    chain: Chain,
    /// Elements open, all in all.
    depth: usize,
    /// At which depth the statement being read stands; 0: none is.
    statement_depth: usize,
    /// Names of the elements open below the statement, with `/` between.
    path: String,
    /// Text of the innermost element so far.
    value: String,
    /// Its attribute `Ccy`.
    value_currency: String,
    is_message: bool,
    /// The statement being read, and its line.
    line: u64,
    iban: String,
    other_id: String,
    currency: String,
    holder: String,
    created: Option<Date>,
    /// Its number and its page's.
    id: String,
    /// A page's balances are interim: at the beginning of the first there is an opening one, at the end of the last a closing one.
    /// Of a report they are not, but those of the moment.
    has_pages: bool,
    opening: Option<Told>,
    first_interim: Option<Told>,
    last_interim: Option<Told>,
    closing: Option<Told>,
    balance: Balance,
    summary: Summary,
    opened: Option<usize>,
    entry: Entry,
}

impl<'r, 's> File<'r, 's> {
    fn new(recorder: &'r mut Recorder<'s>) -> Self {
        Self {
            recorder,
            chain: Chain::default(),
            depth: 0,
            statement_depth: 0,
            path: String::new(),
            value: String::new(),
            value_currency: String::new(),
            is_message: false,
            line: 0,
            iban: String::new(),
            other_id: String::new(),
            currency: String::new(),
            holder: String::new(),
            created: None,
            id: String::new(),
            has_pages: false,
            opening: None,
            first_interim: None,
            last_interim: None,
            closing: None,
            balance: Balance::default(),
            summary: Summary::default(),
            opened: None,
            entry: Entry::default(),
        }
    }

    fn take(&mut self, event: &Event<'_>, line: u64) -> Result<(), StatementError> {
        match event {
            Event::Start(start) => self.start(start, line),
            Event::End(_) => self.end(line),
            Event::Text(text) => self.add(text),
            Event::CData(text) => self.add(text),
            Event::GeneralRef(reference) => {
                let mut bytes = [0; 4];
                let character = reference.resolve_char_ref().ok().flatten();
                match character {
                    Some(character) => self.add(character.encode_utf8(&mut bytes)),
                    None => self.add(resolve_predefined_entity(reference).unwrap_or(" ")),
                }
            }
            Event::DocType(_) => {
                let words =
                    format!("line {line}: the file declares entities, which no bank's statement does");
                Err(StatementError::broken(words))
            }
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "one arm among those that can fail")]
    fn add(&mut self, text: &str) -> Result<(), StatementError> {
        if self.statement_depth > 0 && self.value.len() + text.len() <= MAX_VALUE_BYTES {
            self.value.push_str(text);
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u64) -> Result<(), StatementError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(never_ended(line));
        }
        let name = start.local_name();
        let name = name.as_ref();
        if self.statement_depth == 0 {
            self.is_message |= MESSAGES.contains(&name);
            if self.is_message && STATEMENTS.contains(&name) {
                self.statement_depth = self.depth;
                self.begin_statement(line);
                self.has_pages = name == STATEMENTS[0];
            }
            return Ok(());
        }
        if self.path.len() + name.len() >= MAX_PATH_BYTES {
            return Err(never_ended(line));
        }
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        self.value.clear();
        self.value_currency.clear();
        match self.path.as_str() {
            "Ntry" => self.entry = Entry::begin(line),
            "Ntry/NtryDtls/TxDtls" | "Ntry/TxDtls" => self.entry.begin_detail(line),
            "Bal" => self.balance = Balance::default(),
            path if path.ends_with("Amt") => {
                if let Ok(Some(currency)) = start.try_get_attribute("Ccy") {
                    let currency = &currency.value;
                    self.value_currency.push_str(currency.get(..3).unwrap_or_default());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, line: u64) -> Result<(), StatementError> {
        if self.statement_depth == 0 {
            self.depth -= 1;
            return Ok(());
        }
        if self.depth == self.statement_depth {
            self.end_statement(line)?;
            self.statement_depth = 0;
            self.depth -= 1;
            return Ok(());
        }
        self.depth -= 1;
        let path = std::mem::take(&mut self.path);
        match path.as_str() {
            "Ntry" => self.end_entry()?,
            "Bal" => self.end_balance(line)?,
            path => self.leaf(path),
        }
        self.path = path;
        let parent = self.path.rfind('/').unwrap_or(0);
        self.path.truncate(parent);
        self.value.clear();
        Ok(())
    }

    /// Takes the value that stands at `path`.
    fn leaf(&mut self, path: &str) {
        let value = self.value.trim();
        if value.is_empty() {
            return;
        }
        if let Some(path) = path.strip_prefix("Ntry/") {
            self.entry.take(path, value, &self.value_currency);
            return;
        }
        if let Some(path) = path.strip_prefix("TxsSummry/") {
            self.summary.take(path, value);
            return;
        }
        match path {
            "Acct/Id/IBAN" => value.clone_into(&mut self.iban),
            "Acct/Id/Othr/Id" | "Acct/Id/PrtryAcct/Id" | "Acct/Id/BBAN" => {
                value.clone_into(&mut self.other_id);
            }
            "Acct/Ccy" => value.clone_into(&mut self.currency),
            "Acct/Ownr/Nm" | "Acct/Nm" => value.clone_into(&mut self.holder),
            "Id" | "ElctrncSeqNb" | "StmtPgntn/PgNb" if self.id.len() < MAX_VALUE_BYTES => {
                self.id.push('/');
                self.id.push_str(value);
            }
            "CreDtTm" => self.created = day(value),
            "Bal/Tp/CdOrPrtry/Cd" | "Bal/Tp/CdOrPrtry/Prtry" | "Bal/Tp/Cd" => {
                value.clone_into(&mut self.balance.kind);
            }
            "Bal/Amt" => {
                self.balance.amount =
                    Amount { text: value.to_owned(), currency: self.value_currency.clone() };
            }
            "Bal/Dt/Dt" | "Bal/Dt/DtTm" => value.clone_into(&mut self.balance.day),
            "Bal/CdtDbtInd" => value.clone_into(&mut self.balance.indicator),
            _ => {}
        }
    }

    fn begin_statement(&mut self, line: u64) {
        self.line = line;
        self.path.clear();
        self.value.clear();
        for text in [&mut self.iban, &mut self.other_id, &mut self.currency, &mut self.holder] {
            text.clear();
        }
        self.id.clear();
        self.created = None;
        (self.opening, self.closing) = (None, None);
        (self.first_interim, self.last_interim) = (None, None);
        self.summary = Summary::default();
        self.opened = None;
    }

    /// The account of the statement being read, opened when it was not.
    fn opened(&mut self, line: u64) -> Result<usize, StatementError> {
        if let Some(account) = self.opened {
            return Ok(account);
        }
        self.take_interim();
        let of_balance = |told: &'_ Option<Told>| {
            told.as_ref().map(|(_, amount, ..)| amount.currency.clone()).unwrap_or_default()
        };
        let written = [
            self.currency.as_str(),
            &of_balance(&self.opening),
            &of_balance(&self.closing),
            self.entry.currency(),
        ];
        let currency = written.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let words = format!("line {line}: the file is damaged: {} is not a currency", shown(currency));
            return Err(StatementError::broken(words));
        }
        let opening = self.opening.as_ref().map(|told| minor_of(told, currency));
        let minor = opening.as_ref().and_then(|minor| minor.as_ref().ok()).copied();
        let number = if self.iban.is_empty() { &self.other_id } else { &self.iban };
        let account = Account {
            number: number.replace(' ', ""),
            currency: currency.to_owned(),
            holder: self.holder.clone(),
            is_currency_assumed: false,
        };
        let account = self.chain.open(self.recorder, self.line, number, account, minor)?;
        if let Some(Err(reason)) = opening {
            let reason = format!("the opening balance: {reason}");
            self.recorder.problem(account, self.line, reason, ProblemKind::Structure);
        }
        self.opened = Some(account);
        Ok(account)
    }

    fn end_balance(&mut self, line: u64) -> Result<(), StatementError> {
        let balance = std::mem::take(&mut self.balance);
        let Some(is_in) = is_in(&balance.indicator) else {
            if matches!(balance.kind.as_str(), "OPBD" | "PRCD" | "CLBD") {
                let account = self.opened(line)?;
                let reason = format!("the balance {} has no direction", balance.kind);
                self.recorder.problem(account, line, reason, ProblemKind::Structure);
            }
            return Ok(());
        };
        let told = (line, balance.amount, is_in, day(&balance.day));
        match balance.kind.as_str() {
            // The opening balance is the closing one of the day before; some banks give only that, some both.
            "OPBD" => self.opening = Some(told),
            "PRCD" if self.opening.is_none() => self.opening = Some(told),
            "CLBD" => self.closing = Some(told),
            "ITBD" if self.has_pages && self.first_interim.is_none() => self.first_interim = Some(told),
            "ITBD" if self.has_pages => self.last_interim = Some(told),
            _ => {}
        }
        Ok(())
    }

    /// Gives the interim balances of a page the place of the opening and closing ones that it lacks.
    fn take_interim(&mut self) {
        match (&self.opening, &self.closing) {
            (None, None) if self.last_interim.is_some() => {
                (self.opening, self.closing) = (self.first_interim.take(), self.last_interim.take());
            }
            (None, Some(_)) => self.opening = self.first_interim.take(),
            (Some(_), None) => self.closing = self.last_interim.take().or(self.first_interim.take()),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn end_entry(&mut self) -> Result<(), StatementError> {
        let account = self.opened(self.entry.line())?;
        let entry = std::mem::take(&mut self.entry);
        let Self { recorder, chain, .. } = self;
        let currency = chain.currency(account).to_owned();
        let told = entry.rows(&currency, self.created, |row| recorder.row(account, row))?;
        self.summary.count(entry.amount_minor(&currency).unwrap_or_default(), entry.is_pending());
        match told {
            Ok(()) => {
                chain.add(account, entry.amount_minor(&currency).unwrap_or_default(), entry.is_pending());
            }
            Err(reason) => recorder.unreadable(account, entry.line(), reason),
        }
        Ok(())
    }

    fn end_statement(&mut self, line: u64) -> Result<(), StatementError> {
        let account = self.opened(line)?;
        self.take_interim();
        let summary = std::mem::take(&mut self.summary);
        for reason in summary.differences(self.chain.currency(account)) {
            self.recorder.problem(account, line, reason, ProblemKind::Total);
        }
        if summary.is_told() {
            self.chain.compared(account);
        }
        let closing = match self.closing.take() {
            Some(told) => match minor_of(&told, self.chain.currency(account)) {
                Ok(minor) => Some((told.0, minor, told.3)),
                Err(reason) => {
                    let reason = format!("the closing balance: {reason}");
                    self.recorder.problem(account, told.0, reason, ProblemKind::Structure);
                    None
                }
            },
            None => None,
        };
        let (line, minor, day) =
            closing.map_or((line, None, None), |(line, minor, day)| (line, Some(minor), day));
        self.chain.close(self.recorder, account, line, Closing { minor, day, id: &self.id });
        Ok(())
    }

    /// The XML ends in the middle or cannot be read on.
    fn damaged(&mut self, line: u64, error: quick_xml::Error) -> Result<(), StatementError> {
        let reason = match error {
            quick_xml::Error::Io(error) => {
                return Err(match error.get_ref().and_then(|inner| inner.downcast_ref::<StatementError>()) {
                    Some(own) => StatementError::broken(own.to_string()),
                    None => StatementError::Read(io::Error::new(error.kind(), error.to_string())),
                });
            }
            error => format!("the XML is damaged or cut off: {error}"),
        };
        let Some(account) = self.opened else {
            return Err(StatementError::broken(format!("line {line}: {reason}")));
        };
        self.recorder.problem(account, line, reason, ProblemKind::Structure);
        Ok(())
    }

    fn finish(mut self) -> Result<(), StatementError> {
        if self.chain.is_empty() && self.statement_depth == 0 {
            return Err(StatementError::broken("no statement of an account stands in the file"));
        }
        if self.depth > 0 {
            let account = match self.opened {
                Some(account) => account,
                None => self.opened(0)?,
            };
            let reason = "the file is cut off: elements of it are not ended";
            self.recorder.problem(account, 0, reason, ProblemKind::Structure);
        }
        self.chain.finish(self.recorder)
    }
}

/// Signed minor units of a balance.
fn minor_of((_, amount, is_in, _): &Told, currency: &str) -> Result<i64, String> {
    amount.minor(currency).map(|minor| if *is_in { minor } else { -minor })
}

fn never_ended(line: u64) -> StatementError {
    StatementError::broken(format!("line {line}: the file is damaged: nothing is ever ended"))
}
