//! QIF of Quicken: records of lines that begin with a letter, ended by `^`.
//!
//! ```text
//! !Type:Bank
//! D25/11'26          day; who wrote the file decides whether day or month stands first
//! T-1,234.56         amount
//! PBUDI SANTOSO      other party
//! MORDER 7           text
//! N1001              check number
//! ^
//! ```
//!
//! The format names neither currency nor account number: a column mapping (without columns) can, as it can say `date_format` and
//! `decimal`. What is not said is found in the file, which is then read twice; where it leaves a doubt, the file is refused.

use std::collections::HashMap;

use time::Date;

use super::Format;
use super::mapping::Mapping;
use super::styles::{AmountStyle, DateForm, DateStyle, Written};
use crate::model::{Account, Options, ProblemKind, Row, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Line, Source};
use crate::text::shown;

pub(super) const FORMAT: Format = Format { name: "qif", title: "QIF (Quicken)", sniff, read };

/// Sections that hold mutations of an account.
const ACCOUNT_TYPES: [&str; 5] = ["bank", "cash", "ccard", "oth a", "oth l"];
/// What programs call the record that is no mutation but the balance before the first.
const OPENING: [&str; 2] = ["opening balance", "saldo awal"];
/// What is kept of one text.
const MAX_TEXT_CHARS: usize = 1_000;

fn sniff(head: &Head) -> bool {
    let first = head.lines.iter().map(|line| line.trim()).find(|line| !line.is_empty());
    first.is_some_and(|line| {
        let line = line.to_ascii_lowercase();
        ["!type:", "!account", "!option:", "!clear:"].iter().any(|start| line.starts_with(start))
    })
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let mapping = options.mapping.map_or_else(|| Ok(Mapping::none()), Mapping::parse)?;
    let (form, marks) = find_styles(source, &mapping)?;
    let mut again = Source::new(source.seekable()?, u64::MAX)?;
    let mut file = Reading {
        recorder,
        accounts: HashMap::new(),
        openings: Vec::new(),
        has_rows: Vec::new(),
        section: Section::Other,
        account_name: String::new(),
        record: Record::default(),
        mapping,
        form,
        marks,
        today: options.today,
    };
    while let Some(line) = again.next_line()? {
        file.take(line)?;
    }
    file.finish()
}

/// Reads the whole file to learn how its days and amounts are written, as far as the mapping does not say.
fn find_styles(source: &mut Source<'_>, mapping: &Mapping) -> Result<(DateForm, Marks), StatementError> {
    let (mut amounts, mut dates) = (AmountStyle::default(), DateStyle::default());
    let mut section = Section::Other;
    while let Some(line) = source.next_line()? {
        section = Section::after(section, line.text);
        if section == Section::Mutations {
            match line.text.split_at_checked(1) {
                Some(("D", text)) => dates.observe(text),
                Some(("T" | "U", text)) => amounts.observe(text),
                Some(_) | None => {}
            }
        }
    }
    let must_say = |what: &str, reason: String| {
        StatementError::broken(format!("{reason}: a column mapping must say it ({what})"))
    };
    let form = match &mapping.date_form {
        Some(form) => form.clone(),
        None => dates.decide().map_err(|reason| must_say("date_format", reason))?,
    };
    let marks = match mapping.marks {
        Some(marks) => marks,
        None => amounts.decide().map_err(|reason| must_say("decimal", reason))?,
    };
    Ok((form, marks))
}

/// What the lines that follow are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Account,
    Mutations,
    /// Categories, securities and the like.
    Other,
}

impl Section {
    /// The section after `line`, which may begin another.
    fn after(self, line: &str) -> Self {
        let Some(header) = line.strip_prefix('!') else {
            return self;
        };
        let header = header.trim().to_ascii_lowercase();
        match header.split_once(':') {
            Some(("type", kind)) if ACCOUNT_TYPES.contains(&kind.trim()) => Self::Mutations,
            Some(("option" | "clear", _)) => self,
            None if header == "account" => Self::Account,
            Some(_) | None => Self::Other,
        }
    }
}

/// One record as it is written; line 0: nothing of it is read yet.
#[derive(Debug, Default)]
struct Record {
    line: u64,
    day: String,
    amount: String,
    payee: String,
    memo: String,
    number: String,
}

struct Reading<'r, 's> {
    recorder: &'r mut Recorder<'s>,
    /// By the name in the file.
    accounts: HashMap<String, usize>,
    openings: Vec<Option<i64>>,
    /// Whether a mutation of the account was given.
    has_rows: Vec<bool>,
    section: Section,
    account_name: String,
    record: Record,
    mapping: Mapping,
    form: DateForm,
    marks: Marks,
    today: Date,
}

impl Reading<'_, '_> {
    fn take(&mut self, line: Line<'_>) -> Result<(), StatementError> {
        if line.text.starts_with('!') {
            self.cut_off()?;
            self.section = Section::after(self.section, line.text);
            if self.section == Section::Account {
                self.account_name.clear();
            }
            return Ok(());
        }
        let Some((letter, text)) = line.text.split_at_checked(1) else {
            return Ok(());
        };
        match self.section {
            Section::Account if letter == "N" => text.trim().clone_into(&mut self.account_name),
            Section::Account | Section::Other => {}
            Section::Mutations if letter == "^" => return self.end_record(),
            Section::Mutations => {
                if self.record.line == 0 && !line.text.trim().is_empty() {
                    self.record.line = line.number;
                }
                let field = match letter {
                    "D" => &mut self.record.day,
                    "T" => &mut self.record.amount,
                    // The same amount again, for programs with more digits.
                    "U" if self.record.amount.is_empty() => &mut self.record.amount,
                    "P" => &mut self.record.payee,
                    "M" => &mut self.record.memo,
                    "N" => &mut self.record.number,
                    _ => return Ok(()),
                };
                field.clear();
                field.extend(text.trim().chars().take(MAX_TEXT_CHARS));
            }
        }
        Ok(())
    }

    fn account(&mut self) -> Result<usize, StatementError> {
        if let Some(account) = self.accounts.get(&self.account_name) {
            return Ok(*account);
        }
        let is_number =
            !self.account_name.is_empty() && self.account_name.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_number { &self.account_name } else { &self.mapping.account };
        let account = self.recorder.account(Account {
            number: number.clone(),
            currency: self.mapping.currency.clone(),
            holder: self.mapping.holder.clone(),
            is_currency_assumed: self.mapping.is_currency_assumed,
        })?;
        self.accounts.insert(self.account_name.clone(), account);
        self.openings.push(None);
        self.has_rows.push(false);
        Ok(account)
    }

    fn end_record(&mut self) -> Result<(), StatementError> {
        let record = std::mem::take(&mut self.record);
        if record.line == 0 {
            return Ok(());
        }
        let account = self.account()?;
        let read = Written::of(&record.amount)
            .and_then(|amount| amount.minor(self.marks, &self.mapping.currency))
            .and_then(|minor| Ok((minor, self.form.read(&record.day, self.today)?)));
        let (minor, date) = match read {
            Ok(found) => found,
            Err(reason) => {
                self.recorder.unreadable(account, record.line, reason);
                return Ok(());
            }
        };
        let minor = if self.mapping.negate { -minor } else { minor };
        // Once: a mutation may have such a text too.
        let may_open = !self.has_rows[account] && self.openings[account].is_none();
        if may_open && OPENING.contains(&record.payee.to_lowercase().as_str()) {
            self.openings[account] = Some(minor);
            return Ok(());
        }
        self.has_rows[account] = true;
        let mut description = String::new();
        for text in [&record.payee, &record.memo, &record.number] {
            if !text.is_empty() && !description.contains(text.as_str()) {
                description.extend((!description.is_empty()).then_some(' '));
                description.push_str(text);
            }
        }
        self.recorder.row(
            account,
            &Row {
                description: &description,
                counterparty: &record.payee,
                ..Row::new(record.line, date, minor)
            },
        )
    }

    /// A record that nothing ended.
    fn cut_off(&mut self) -> Result<(), StatementError> {
        let line = std::mem::take(&mut self.record).line;
        if line > 0 {
            let account = self.account()?;
            self.recorder.unreadable(
                account,
                line,
                "the mutation has no end (^): the file is damaged or cut off",
            );
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), StatementError> {
        self.cut_off()?;
        if self.accounts.is_empty() {
            let account = self.account()?;
            let reason = format!("no mutation stands in the file, {}", shown("!Type:Bank"));
            self.recorder.problem(account, 0, reason, ProblemKind::Structure);
        }
        for (account, opening) in self.openings.iter().enumerate() {
            self.recorder.close_compared(account, *opening, None, false)?;
        }
        Ok(())
    }
}
