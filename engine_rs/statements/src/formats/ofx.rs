//! OFX 1 (SGML) and OFX 2 (XML): what personal finance programs load, of bank accounts and credit cards.
//!
//! ```text
//! <STMTRS>
//!   <CURDEF>EUR
//!   <BANKACCTFROM><BANKID>B<ACCTID>123</BANKACCTFROM>
//!   <BANKTRANLIST>
//!     <STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20160719<TRNAMT>-1.55<FITID>PU3Y<NAME>FRAIS<MEMO>…</STMTTRN>
//!   </BANKTRANLIST>
//!   <LEDGERBAL><BALAMT>100.00<DTASOF>20160719</LEDGERBAL>
//! </STMTRS>
//! ```
//!
//! The sign of TRNAMT is the direction, whatever TRNTYPE says. A FITID is no id of ours: some banks repeat them, some make new ones
//! with every download. Days are taken as they are written, without moving them from the time zone behind them. The format has no
//! opening balance, so that its sums cannot be checked.

use std::io::BufReader;

use time::Date;

use super::Format;
use super::chained::{Chain, Closing};
use super::ofx_tokens::{Element, Elements};
use crate::dates::{date, number};
use crate::model::{Account, Options, ProblemKind, Row, StatementError};
use crate::money::{Marks, minor_digits, parse_marked};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format = Format { name: "ofx", title: "OFX 1 and 2, QFX", sniff, read };

/// What is kept of a name, a text or the like.
const MAX_TEXT_CHARS: usize = 1_000;
/// The header of OFX 1 and the like stand before the first tag.
const SNIFFED_CHARS: usize = 4 * 1024;

fn sniff(head: &Head) -> bool {
    let upper: String =
        head.start().chars().take(SNIFFED_CHARS).map(|letter| letter.to_ascii_uppercase()).collect();
    upper.starts_with("OFXHEADER")
        || upper.contains("<?OFX ")
        || upper.contains("<OFX>")
        || upper.contains(":OFX>") && upper.starts_with('<')
}

fn read(source: &mut Source<'_>, _: &Options<'_>, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
    let mut elements = Elements::new(BufReader::new(source.text()));
    let mut file = File::new(recorder);
    while let Some(element) = elements.next()? {
        file.take(&element)?;
    }
    file.finish()
}

/// Which aggregate a value stands in; of those only that say something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Other,
    Statement,
    /// Whose statement it is.
    Owner,
    /// All of its mutations.
    List,
    Mutation,
    /// The currency of one mutation's amount.
    Currency,
    /// What the amount was before the bank converted it.
    OriginalCurrency,
    /// Another party's account, its name and address.
    Payee,
    OtherAccount,
    LedgerBalance,
    OtherBalance,
}

/// One STMTTRN as it is written.
#[derive(Debug, Default)]
struct Mutation {
    line: u64,
    pending: bool,
    posted: String,
    initiated: String,
    available: String,
    amount: String,
    currency: String,
    /// The amount or the day stands there twice, as a text with tags in it can make it.
    is_doubled: bool,
    name: String,
    memo: String,
    check_number: String,
    reference: String,
}

struct File<'r, 's> {
    recorder: &'r mut Recorder<'s>,
    chain: Chain,
    places: Vec<Place>,
    /// The statement being read.
    currency: String,
    bank: String,
    number: String,
    statement_line: u64,
    opened: Option<usize>,
    closing: Option<(u64, String)>,
    mutation: Mutation,
    has_statement: bool,
    is_ended: bool,
    /// What the bank answered in place of a statement.
    refusal: String,
}

/// Aggregates nest a dozen deep.
const MAX_DEPTH: usize = 64;

impl<'r, 's> File<'r, 's> {
    fn new(recorder: &'r mut Recorder<'s>) -> Self {
        Self {
            recorder,
            chain: Chain::default(),
            places: Vec::new(),
            currency: String::new(),
            bank: String::new(),
            number: String::new(),
            statement_line: 0,
            opened: None,
            closing: None,
            mutation: Mutation::default(),
            has_statement: false,
            is_ended: false,
            refusal: String::new(),
        }
    }

    fn place(&self) -> Place {
        self.places.last().copied().unwrap_or(Place::Other)
    }

    fn take(&mut self, element: &Element<'_>) -> Result<(), StatementError> {
        let place = match element.name {
            "STMTRS" | "CCSTMTRS" => Place::Statement,
            "BANKACCTFROM" | "CCACCTFROM" if self.place() == Place::Statement => Place::Owner,
            "BANKTRANLIST" | "BANKTRANLISTP" => Place::List,
            "STMTTRN" | "STMTTRNP" => Place::Mutation,
            "CURRENCY" if self.is_within(Place::Mutation) => Place::Currency,
            "ORIGCURRENCY" => Place::OriginalCurrency,
            "PAYEE" => Place::Payee,
            "BANKACCTTO" | "CCACCTTO" => Place::OtherAccount,
            "LEDGERBAL" => Place::LedgerBalance,
            "AVAILBAL" | "BAL" => Place::OtherBalance,
            "OFX" => {
                self.is_ended = element.is_end;
                return Ok(());
            }
            _ => {
                self.value(element);
                return Ok(());
            }
        };
        if element.is_end { self.end(place, element.line) } else { self.begin(place, element.line) }
    }

    fn is_within(&self, place: Place) -> bool {
        self.places.contains(&place)
    }

    fn begin(&mut self, place: Place, line: u64) -> Result<(), StatementError> {
        match place {
            Place::Statement => {
                self.end_statement(line)?;
                self.places.clear();
                self.statement_line = line;
                self.has_statement = true;
            }
            Place::Mutation => {
                // One that was not ended is cut off; its end is where the next begins.
                self.end_unended(line)?;
                self.mutation = Mutation { line, ..Mutation::default() };
            }
            _ => {}
        }
        if self.places.len() == MAX_DEPTH {
            return Err(StatementError::broken(format!(
                "line {line}: the file is damaged: nothing is ever ended"
            )));
        }
        self.places.push(place);
        Ok(())
    }

    fn end(&mut self, place: Place, line: u64) -> Result<(), StatementError> {
        let Some(depth) = self.places.iter().rposition(|open| *open == place) else {
            return Ok(());
        };
        // What holds it ends before the mutation does.
        if self.places[depth + 1..].contains(&Place::Mutation) {
            self.end_unended(line)?;
        }
        self.places.truncate(depth);
        match place {
            Place::Mutation => self.end_mutation(),
            Place::Statement => self.end_statement(line),
            _ => Ok(()),
        }
    }

    fn end_unended(&mut self, line: u64) -> Result<(), StatementError> {
        if let Some(depth) = self.places.iter().rposition(|open| *open == Place::Mutation) {
            self.places.truncate(depth);
            let account = self.opened(line)?;
            let reason = "the mutation has no end: the file is damaged or cut off";
            self.recorder.unreadable(account, self.mutation.line, reason);
        }
        Ok(())
    }

    fn value(&mut self, element: &Element<'_>) {
        if element.value.is_empty() {
            return;
        }
        let mutation = &mut self.mutation;
        if self.places.last() == Some(&Place::Mutation) {
            mutation.is_doubled |= match element.name {
                "TRNAMT" => !mutation.amount.is_empty(),
                "DTPOSTED" | "DTTRAN" => !mutation.posted.is_empty(),
                _ => false,
            };
        }
        let text = match (self.places.last().copied().unwrap_or(Place::Other), element.name) {
            (Place::Statement, "CURDEF") => &mut self.currency,
            (Place::Owner, "BANKID") => &mut self.bank,
            (Place::Owner, "ACCTID") => &mut self.number,
            (Place::Mutation, "DTPOSTED") => &mut mutation.posted,
            // A mutation that is not booked yet has the day on which it was made in place of the booking day.
            (Place::Mutation, "DTTRAN") => {
                mutation.pending = true;
                &mut mutation.posted
            }
            (Place::Mutation, "DTUSER") => &mut mutation.initiated,
            (Place::Mutation, "DTAVAIL") => &mut mutation.available,
            (Place::Mutation, "TRNAMT") => &mut mutation.amount,
            (Place::Mutation | Place::Payee, "NAME") => &mut mutation.name,
            (Place::Mutation, "MEMO") => &mut mutation.memo,
            (Place::Mutation, "CHECKNUM") => &mut mutation.check_number,
            (Place::Mutation, "REFNUM") => &mut mutation.reference,
            (Place::Currency, "CURSYM") => &mut mutation.currency,
            (Place::LedgerBalance, "BALAMT") => {
                self.closing = Some((element.line, element.value.to_owned()));
                return;
            }
            (_, "MESSAGE") => &mut self.refusal,
            _ => return,
        };
        text.clear();
        text.extend(element.value.chars().take(MAX_TEXT_CHARS));
    }

    /// The account of the statement being read, opened when it was not.
    fn opened(&mut self, line: u64) -> Result<usize, StatementError> {
        if let Some(account) = self.opened {
            return Ok(account);
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let words = format!(
                "line {line}: the file is damaged: {} is not the currency of an account",
                shown(&self.currency)
            );
            return Err(StatementError::broken(words));
        }
        let key = format!("{}/{}", self.bank, self.number);
        let number = self.number.replace(' ', "");
        let account = Account { number, currency: self.currency.clone(), ..Account::default() };
        let account = self.chain.open(self.recorder, self.statement_line, &key, account, None)?;
        self.opened = Some(account);
        Ok(account)
    }

    fn end_mutation(&mut self) -> Result<(), StatementError> {
        let mutation = std::mem::take(&mut self.mutation);
        let account = self.opened(mutation.line)?;
        let (date, minor) = match mutation.date_and_amount(self.chain.currency(account)) {
            Ok(found) => found,
            Err(reason) => {
                self.recorder.unreadable(account, mutation.line, reason);
                return Ok(());
            }
        };
        let mut description = String::new();
        for text in [&mutation.name, &mutation.memo, &mutation.check_number, &mutation.reference] {
            if !text.is_empty() && !description.contains(text.as_str()) {
                description.extend((!description.is_empty()).then_some(' '));
                description.push_str(text);
            }
        }
        self.chain.add(account, minor, mutation.pending);
        self.recorder.row(
            account,
            &Row {
                value_date: day(&mutation.available),
                pending: mutation.pending,
                description: &description,
                counterparty: &mutation.name,
                ..Row::new(mutation.line, date, minor)
            },
        )
    }

    fn end_statement(&mut self, line: u64) -> Result<(), StatementError> {
        if self.statement_line == 0 {
            return Ok(());
        }
        self.end_unended(line)?;
        let account = self.opened(line)?;
        let closing = match self.closing.take() {
            Some((line, text)) => match amount_minor(&text, self.chain.currency(account)) {
                Ok(minor) => Some((line, minor)),
                Err(reason) => {
                    let reason = format!("the closing balance: {reason}");
                    self.recorder.problem(account, line, reason, ProblemKind::Structure);
                    None
                }
            },
            None => None,
        };
        self.chain.close(
            self.recorder,
            account,
            closing.map_or(line, |(line, _)| line),
            Closing { minor: closing.map(|(_, minor)| minor), ..Closing::default() },
        );
        self.currency.clear();
        self.bank.clear();
        self.number.clear();
        self.opened = None;
        self.statement_line = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<(), StatementError> {
        if !self.has_statement {
            let why = if self.refusal.is_empty() {
                String::new()
            } else {
                format!(": the bank says {}", shown(&self.refusal))
            };
            return Err(StatementError::broken(format!(
                "no statement of a bank account or card stands in the file{why}"
            )));
        }
        self.end_statement(0)?;
        if !self.is_ended {
            self.recorder.problem(
                0,
                0,
                "the file is cut off: </OFX> is missing at its end",
                ProblemKind::Structure,
            );
        }
        self.chain.finish(self.recorder)
    }
}

impl Mutation {
    fn date_and_amount(&self, currency: &str) -> Result<(Date, i64), String> {
        if self.is_doubled {
            return Err("the mutation has two amounts or two days".to_owned());
        }
        let text = if self.posted.is_empty() { &self.initiated } else { &self.posted };
        let date = day(text).ok_or_else(|| format!("{} is not a date", shown(text)))?;
        if !self.currency.is_empty() && self.currency != currency {
            return Err(format!(
                "the amount is in {}, but the account's currency is {currency}",
                shown(&self.currency)
            ));
        }
        Ok((date, amount_minor(&self.amount, currency)?))
    }
}

/// `-1234.56`, `+1234,5` and, with both marks, thousands in groups of three.
fn amount_minor(text: &str, currency: &str) -> Result<i64, String> {
    let text = text.trim();
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let marks = match (unsigned.rfind('.'), unsigned.rfind(',')) {
        (None, Some(_)) => Marks::COMMA,
        (Some(point), Some(comma)) if comma > point => Marks::COMMA,
        _ => Marks::POINT,
    };
    let (sign, digits) = unsigned.strip_prefix('-').map_or(("", unsigned), |digits| ("-", digits));
    // `.5`, as some write it.
    let whole = if digits.starts_with(char::from(marks.decimal)) { "0" } else { "" };
    // One mark and three digits behind it: only a currency with three decimals says which it is.
    let behind = digits.rsplit(char::from(marks.decimal)).next().unwrap_or_default();
    if digits.contains(char::from(marks.decimal)) && behind.len() == 3 && minor_digits(currency) != 3 {
        return Err(format!("{} is not an amount", shown(text)));
    }
    parse_marked(&format!("{sign}{whole}{digits}"), currency, None, marks)
        .map_err(|_| format!("{} is not an amount", shown(text)))
}

/// The day of `YYYYMMDD`, with or without a time and its zone behind.
fn day(text: &str) -> Option<Date> {
    let (day, rest) = text.split_at_checked(8)?;
    let goes_on = rest.bytes().next().is_none_or(|byte| byte.is_ascii_digit() || byte == b'[');
    let year = number(day.get(..4)?, 4, 4)?;
    let found = date(i32::try_from(year).ok()?, number(day.get(4..6)?, 2, 2)?, number(day.get(6..)?, 2, 2)?)?;
    goes_on.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_with_either_mark() {
        for (text, currency, minor) in [
            ("-33.3", "BRL", -3_330),
            ("600", "BRL", 60_000),
            ("+200,29", "EUR", 20_029),
            ("-1,234.5", "USD", -123_450),
            ("1.234,56", "EUR", 123_456),
            (".5", "USD", 50),
            ("-0,05", "EUR", -5),
            ("1.234", "KWD", 1_234),
            ("500", "JPY", 500),
        ] {
            assert_eq!(amount_minor(text, currency), Ok(minor), "{text}");
        }
        for text in ["", "-", "1.234", "1,234", "12..34", "1 000.00", "1.2.3", "12,34.56", "1e3", "--5"] {
            assert!(amount_minor(text, "EUR").is_err(), "{text}");
        }
    }

    #[test]
    fn days_as_they_are_written() {
        for text in ["20140717", "20140717000000[-5:EST]", "20140717235959.123[+7:WIB]", "20140717[0]"] {
            assert_eq!(day(text), date(2014, 7, 17), "{text}");
        }
        for text in ["", "2014071", "20140732", "20140717x", "2014-07-17"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
