//! One entry (`Ntry`) of a CAMT file as it is written, and the mutations that it makes.
//!
//! `CdtDbtInd` is the direction of the money of this entry, reversal or not: "If the CreditDebitIndicator is CRDT and
//! ReversalIndicator is Yes, the original operation was a debit entry" (ISO 20022, usage of `RvslInd`). So a reversal changes no sign.
//! It changes who the other party is, since the parties keep the roles that they had in the original operation.
//!
//! An entry may stand for a batch of transactions, each told in its details (`TxDtls`). Where the details' amounts add up to the
//! entry's, each detail is a mutation; else the entry is one, with the texts of all.

use time::Date;

use super::bank_id::is_bank_id;
use super::mt940_details::squeezed;
use crate::dates::{date, number};
use crate::model::{EntryRef, MAX_DESCRIPTION_CHARS, Row, StatementError};
use crate::money::parse_amount;
use crate::text::shown;

/// Bytes of details that are held until it is known whether they add up; an entry with more is one mutation.
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;
/// Words that stand where a reference would, and are none.
const NO_REFERENCES: [&str; 4] = ["NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF"];

/// An amount and its currency as they are written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) text: String,
    pub(super) currency: String,
}

impl Amount {
    /// Minor units, without a sign; the error says in plain words why there are none.
    pub(super) fn minor(&self, currency: &str) -> Result<i64, String> {
        if !self.currency.is_empty() && self.currency != currency {
            return Err(format!(
                "the amount is in {}, but the account's currency is {currency}",
                shown(&self.currency)
            ));
        }
        parse_amount(&self.text, currency, None)
            .ok()
            .filter(|minor| *minor >= 0)
            .ok_or_else(|| format!("{} is not an amount", shown(&self.text)))
    }
}

/// `CRDT` is money in, `DBIT` money out.
pub(super) fn is_in(indicator: &str) -> Option<bool> {
    match indicator {
        "CRDT" => Some(true),
        "DBIT" => Some(false),
        _ => None,
    }
}

/// One transaction of an entry.
#[derive(Debug, Default)]
pub(super) struct Detail {
    line: u64,
    amount: Option<Amount>,
    indicator: String,
    text: String,
    reference: String,
    debtor: String,
    creditor: String,
    ultimate_debtor: String,
    ultimate_creditor: String,
}

/// One entry.
#[derive(Debug, Default)]
pub(super) struct Entry {
    line: u64,
    amount: Amount,
    indicator: String,
    is_reversal: bool,
    status: String,
    booked: String,
    valued: String,
    reference: String,
    text: String,
    /// The first of them, as many as may be held.
    details: Vec<Detail>,
    /// How many there are, held or not.
    detail_count: usize,
    held_bytes: usize,
}

impl Entry {
    pub(super) fn begin(line: u64) -> Self {
        Self { line, ..Self::default() }
    }

    pub(super) fn begin_detail(&mut self, line: u64) {
        self.detail_count += 1;
        self.held_bytes += size_of::<Detail>();
        // Once one is left out so are all that follow.
        if self.held_bytes <= MAX_HELD_BYTES {
            self.details.push(Detail { line, ..Detail::default() });
        }
    }

    fn has_all_details(&self) -> bool {
        self.details.len() == self.detail_count
    }

    /// The currency in which the entry's amount is written.
    pub(super) fn currency(&self) -> &str {
        &self.amount.currency
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Takes the value at `path` below the entry; `currency` is the value's own, for an amount.
    pub(super) fn take(&mut self, path: &str, value: &str, currency: &str) {
        if let Some(path) = path.strip_prefix("NtryDtls/TxDtls/").or_else(|| path.strip_prefix("TxDtls/")) {
            if self.has_all_details()
                && let Some(detail) = self.details.last_mut()
            {
                self.held_bytes += value.len();
                detail.take(path, value, currency);
            }
            return;
        }
        match path {
            "Amt" => self.amount = Amount { text: value.to_owned(), currency: currency.to_owned() },
            "CdtDbtInd" => value.clone_into(&mut self.indicator),
            "RvslInd" => self.is_reversal = matches!(value, "true" | "1"),
            "Sts" | "Sts/Cd" | "Sts/Prtry" => value.clone_into(&mut self.status),
            "BookgDt/Dt" | "BookgDt/DtTm" => value.clone_into(&mut self.booked),
            "ValDt/Dt" | "ValDt/DtTm" => value.clone_into(&mut self.valued),
            "AcctSvcrRef" => value.clone_into(&mut self.reference),
            "AddtlNtryInf" => add_text(&mut self.text, value),
            _ => {}
        }
    }

    /// Only what is booked is; other entries are pending, announced or told for information.
    pub(super) fn is_pending(&self) -> bool {
        !self.status.is_empty() && self.status != "BOOK"
    }

    /// Signed minor units of the account's currency.
    pub(super) fn amount_minor(&self, currency: &str) -> Result<i64, String> {
        let minor = self.amount.minor(currency)?;
        let is_in = is_in(&self.indicator)
            .ok_or_else(|| format!("{} says neither money in nor money out", shown(&self.indicator)))?;
        Ok(if is_in { minor } else { -minor })
    }

    /// The booking day: of an entry that is not booked yet the value date, else the day of the report.
    fn date(&self, reported: Option<Date>) -> Result<Date, String> {
        let written = [&self.booked, &self.valued].into_iter().find(|text| !text.is_empty());
        match written {
            Some(text) => day(text).ok_or_else(|| format!("{} is not a date", shown(text))),
            None => reported.ok_or_else(|| "the entry has no date".to_owned()),
        }
    }

    /// Gives the entry's mutations to `give`. `reported`: the day of the report. An error in words means that none was given.
    pub(super) fn rows(
        &self,
        currency: &str,
        reported: Option<Date>,
        mut give: impl FnMut(&Row<'_>) -> Result<(), StatementError>,
    ) -> Result<Result<(), String>, StatementError> {
        let whole = self.amount_minor(currency).and_then(|minor| Ok((minor, self.date(reported)?)));
        let (minor, date) = match whole {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        let row = Row {
            value_date: day(&self.valued),
            pending: self.is_pending(),
            ..Row::new(self.line, date, minor)
        };
        let mut text = String::new();
        if let Some(amounts) = self.split(minor, currency) {
            let entry =
                EntryRef { row: self.line, reference: &self.reference, amount_minor: minor, occurrence: 1 };
            for (detail, amount_minor) in self.details.iter().zip(amounts) {
                text.clear();
                add_text(&mut text, &detail.text);
                add_text(&mut text, &self.text);
                let reference =
                    if is_bank_id(&detail.reference) { &detail.reference } else { &self.reference };
                give(&Row {
                    row: detail.line,
                    amount_minor,
                    description: &text,
                    bank_reference: real(reference),
                    counterparty: &detail.other_party(amount_minor >= 0, self.is_reversal),
                    entry: Some(entry).filter(|entry| is_bank_id(entry.reference)),
                    ..row
                })?;
            }
            return Ok(Ok(()));
        }
        self.details.iter().for_each(|detail| add_text(&mut text, &detail.text));
        add_text(&mut text, &self.text);
        let reference = match self.details.first() {
            Some(detail) if !is_bank_id(&self.reference) && self.detail_count == 1 => &detail.reference,
            Some(_) | None => &self.reference,
        };
        // Several payers are no payer.
        let first = self.details.first().filter(|_| self.detail_count == 1);
        let other_party =
            first.map(|detail| detail.other_party(minor >= 0, self.is_reversal)).unwrap_or_default();
        give(&Row {
            description: &text,
            bank_reference: real(reference),
            counterparty: &other_party,
            ..row
        })?;
        Ok(Ok(()))
    }

    /// The signed amount of each of several details, when they add up to the entry's.
    fn split(&self, minor: i64, currency: &str) -> Option<Vec<i64>> {
        if self.detail_count < 2 || !self.has_all_details() {
            return None;
        }
        let mut amounts = Vec::with_capacity(self.details.len());
        for detail in &self.details {
            let amount = detail.amount.as_ref()?.minor(currency).ok()?;
            let is_in = is_in(&detail.indicator).unwrap_or(minor >= 0);
            amounts.push(if is_in { amount } else { -amount });
        }
        let sum: i128 = amounts.iter().copied().map(i128::from).sum();
        (sum == i128::from(minor)).then_some(amounts)
    }
}

impl Detail {
    fn take(&mut self, path: &str, value: &str, currency: &str) {
        match path {
            "Amt" => self.amount = Some(Amount { text: value.to_owned(), currency: currency.to_owned() }),
            // Versions before the fourth have the amount here only.
            "AmtDtls/TxAmt/Amt" if self.amount.is_none() => {
                self.amount = Some(Amount { text: value.to_owned(), currency: currency.to_owned() });
            }
            "CdtDbtInd" => value.clone_into(&mut self.indicator),
            "Refs/AcctSvcrRef" => value.clone_into(&mut self.reference),
            "Refs/EndToEndId"
            | "Refs/ChqNb"
            | "RmtInf/Ustrd"
            | "RmtInf/Strd/CdtrRefInf/Ref"
            | "RmtInf/Strd/CdtrRefInf/CdtrRef"
            | "RmtInf/Strd/RfrdDocInf/Nb"
            | "RmtInf/Strd/AddtlRmtInf"
            | "AddtlTxInf"
                if !NO_REFERENCES.contains(&value) =>
            {
                add_text(&mut self.text, value);
            }
            "RltdPties/Dbtr/Nm" | "RltdPties/Dbtr/Pty/Nm" => value.clone_into(&mut self.debtor),
            "RltdPties/Cdtr/Nm" | "RltdPties/Cdtr/Pty/Nm" => value.clone_into(&mut self.creditor),
            "RltdPties/UltmtDbtr/Nm" | "RltdPties/UltmtDbtr/Pty/Nm" => {
                value.clone_into(&mut self.ultimate_debtor);
            }
            "RltdPties/UltmtCdtr/Nm" | "RltdPties/UltmtCdtr/Pty/Nm" => {
                value.clone_into(&mut self.ultimate_creditor);
            }
            _ => {}
        }
    }

    /// Who paid or was paid: of money in the debtor, of money out the creditor; of a reversal the other way round.
    fn other_party(&self, is_in: bool, is_reversal: bool) -> String {
        let (party, ultimate) = if is_in == is_reversal {
            (&self.creditor, &self.ultimate_creditor)
        } else {
            (&self.debtor, &self.ultimate_debtor)
        };
        squeezed(if party.is_empty() { ultimate } else { party })
    }
}

fn real(reference: &str) -> &str {
    if is_bank_id(reference) { reference } else { "" }
}

/// Appends `more` behind a blank unless the text holds it, or is as long as a description can be.
fn add_text(text: &mut String, more: &str) {
    let more = squeezed(more);
    if more.is_empty() || text.len() > MAX_DESCRIPTION_CHARS * 4 || text.contains(&more) {
        return;
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text.extend(more.chars().take(MAX_DESCRIPTION_CHARS));
}

/// The day of `YYYY-MM-DD`, with or without a time or a zone behind it.
pub(super) fn day(text: &str) -> Option<Date> {
    let (day, rest) = text.split_at_checked(10)?;
    let is_separated = day.as_bytes()[4] == b'-' && day.as_bytes()[7] == b'-';
    if !is_separated || !(rest.is_empty() || rest.starts_with(['T', 'Z', '+', '-'])) {
        return None;
    }
    let year = i32::try_from(number(day.get(..4)?, 4, 4)?).ok()?;
    date(year, number(day.get(5..7)?, 2, 2)?, number(day.get(8..)?, 2, 2)?)
}
