//! The mutations of an account's statements: each row once, however often its file comes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::row_key::{PENDING_ID_AT, entry_key, id_key, known, pending_prefix, row_key};
use super::{Answer, Decided, check, next_id};
use crate::command::{EntryInput, MutationInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{BankAccountId, CustomerId, MutationId};
use crate::kv::{Fault, View, u64_at};
use crate::money::AMOUNT_MAX;
use crate::records::{BankAccount, Mutation, StatementEntry, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Imported;
use crate::states::MutationState;
use crate::tables::Table;
use crate::text;

/// Most rows of one import.
const ROWS_MAX: usize = 5_000;
/// Most equal rows of one file.
const OCCURRENCE_MAX: i64 = 1_000_000;
/// Why money out is set aside at once.
const MONEY_OUT: &str = "Money out pays no order.";

/// Adds rows that are new, posts those that were pending, leaves those that are known.
pub(crate) fn import(
    view: &dyn View,
    account_id: BankAccountId,
    file_hash: &str,
    rows: &[MutationInput],
    context: &Context<'_>,
) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0).named("bank_account_id")?;
    let file_hash = check::optional_text("file_hash", file_hash, 128)?;
    check::count("mutations", rows.len(), ROWS_MAX)?;
    let first = next_id(view, MutationId::COUNTER)?;
    let mut run = Import {
        view,
        imported: Imported::default(),
        events: Vec::new(),
        ids: BTreeMap::new(),
        posted: BTreeSet::new(),
        looked: BTreeMap::new(),
        undated: BTreeMap::new(),
    };
    let mut seen: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let id = MutationId(first + run.imported.mutation_ids.len() as u64);
        let mut mutation = checked(row, index, &account, id, context)?;
        mutation.file_hash.clone_from(&file_hash);
        if !mutation.bank_reference.is_empty() && !mutation.reference_by_day {
            mutation.occurrence = 1;
        } else if mutation.occurrence == 0 {
            let nth = seen.entry(row_key(&mutation).as_slice().to_vec()).or_default();
            *nth += 1;
            mutation.occurrence = *nth;
        }
        run.row(mutation)?;
    }
    Ok(Decided::new(run.events, Answer::Imported(run.imported)))
}

/// One call's import under way.
struct Import<'v> {
    view: &'v dyn View,
    imported: Imported,
    events: Vec<Event>,
    /// The rows met in this call, and which mutation each is.
    ids: BTreeMap<Vec<u8>, MutationId>,
    posted: BTreeSet<MutationId>,
    /// Per prefix of equal pending rows the first id that was not looked at: none is met twice, however many are equal.
    looked: BTreeMap<Vec<u8>, u64>,
    /// Per id and amount, day and mutation of the rows that were imported before days were looked at.
    undated: BTreeMap<Vec<u8>, Vec<(String, MutationId)>>,
}

impl Import<'_> {
    fn row(&mut self, mutation: Mutation) -> Outcome<()> {
        let key = row_key(&mutation);
        let here = self.ids.get(key.as_slice()).copied();
        let before = self.before(&mutation)?;
        let is_posted = mutation.state != MutationState::Pending;
        let waits = match before {
            Some(id) => Some(id).filter(|_| is_posted),
            None if is_posted && here.is_none() => self.waiting(&mutation)?,
            None => None,
        };
        if let Some(id) = waits.filter(|id| !self.posted.contains(id))
            && must::<Mutation>(self.view, id.0)?.is_unposted()
        {
            self.post(id, &mutation);
            self.ids.insert(key.as_slice().to_vec(), id);
            return Ok(());
        }
        if let Some(id) = before.or(here) {
            self.imported.known.push(id);
            return Ok(());
        }
        if !is_posted {
            self.imported.pending.push(mutation.mutation_id);
        }
        self.ids.insert(key.as_slice().to_vec(), mutation.mutation_id);
        self.imported.mutation_ids.push(mutation.mutation_id);
        self.events.push(Event::MutationImported(mutation));
        Ok(())
    }

    /// The mutation this row is, imported by an earlier call: by itself, before days were looked at, or within its whole entry.
    fn before(&mut self, row: &Mutation) -> Result<Option<MutationId>, Fault> {
        if let Some(id) = known(self.view, &row_key(row))? {
            return Ok(Some(id));
        }
        if row.state == MutationState::Pending {
            return Ok(None);
        }
        if row.reference_by_day
            && let Some(id) = self.undated(row, row.amount_minor, &row.bank_reference, row.occurrence)?
        {
            return Ok(Some(id));
        }
        let (Some(entry), Some(key)) = (&row.entry, entry_key(row)) else {
            return Ok(None);
        };
        if let Some(id) = known(self.view, &key)?
            && must::<Mutation>(self.view, id.0)?.entry.is_none()
        {
            return Ok(Some(id));
        }
        self.undated(row, entry.amount_minor, &entry.reference, entry.occurrence)
    }

    /// The posted row of this id and day that was imported before days were looked at.
    fn undated(
        &mut self,
        row: &Mutation,
        amount_minor: i64,
        reference: &str,
        occurrence: i32,
    ) -> Result<Option<MutationId>, Fault> {
        let key = |occurrence| id_key(row.bank_account_id, amount_minor, reference, occurrence);
        let first = key(1);
        let rows = match self.undated.entry(first.as_slice().to_vec()) {
            Entry::Occupied(rows) => rows.into_mut(),
            Entry::Vacant(free) => {
                let mut rows = Vec::new();
                for occurrence in 1.. {
                    let Some(id) = known(self.view, &key(occurrence))? else { break };
                    let before: Mutation = must(self.view, id.0)?;
                    // Those told by their day stand behind them.
                    if before.reference_by_day {
                        break;
                    }
                    if !before.is_unposted() {
                        rows.push((before.date, id));
                    }
                }
                free.insert(rows)
            }
        };
        let nth = usize::try_from(occurrence - 1).unwrap_or_default();
        Ok(rows.iter().filter(|(date, _)| *date == row.date).nth(nth).map(|(_, id)| *id))
    }

    /// The first equal row that waits to be posted and is not taken by another row of this call.
    fn waiting(&mut self, row: &Mutation) -> Result<Option<MutationId>, Fault> {
        let prefix = pending_prefix(row);
        let next = self.looked.entry(prefix.as_slice().to_vec()).or_default();
        let (posted, mut found) = (&self.posted, None);
        let from = prefix.u64(*next);
        self.view.scan(
            Table::PendingMutations,
            from.as_slice(),
            prefix.end().as_slice(),
            &mut |key, _| {
                let id = u64_at(key, PENDING_ID_AT)?;
                *next = id + 1;
                found = Some(MutationId(id)).filter(|id| !posted.contains(id));
                Ok(found.is_none())
            },
        )?;
        Ok(found)
    }

    fn post(&mut self, mutation_id: MutationId, row: &Mutation) {
        self.posted.insert(mutation_id);
        self.imported.known.push(mutation_id);
        self.imported.posted.push(mutation_id);
        self.events.push(Event::MutationPosted {
            mutation_id,
            date: row.date.clone(),
            balance_minor: row.balance_minor,
            occurrence: row.occurrence,
        });
        if row.amount_minor <= 0 {
            self.events.push(Event::MutationIgnored { mutation_id, reason: MONEY_OUT.into() });
        }
    }
}

fn checked(
    row: &MutationInput,
    index: usize,
    account: &BankAccount,
    mutation_id: MutationId,
    context: &Context<'_>,
) -> Outcome<Mutation> {
    let field = |part: &str| format!("mutations[{index}].{part}");
    if !text::is_date(&row.date) {
        let message = format!("{} is no date YYYY-MM-DD.", field("date"));
        return Err(Refusal::field(Reason::FieldMalformed, &field("date"), message).into());
    }
    let amount = check::money(&field("amount"), row.amount.as_ref(), Some(account.currency), -AMOUNT_MAX)?;
    let balance = row
        .balance
        .as_ref()
        .map(|balance| check::money(&field("balance"), Some(balance), Some(account.currency), -AMOUNT_MAX))
        .transpose()?;
    if !row.value_date.is_empty() && !text::is_date(&row.value_date) {
        let message = format!("{} is no date YYYY-MM-DD.", field("value_date"));
        return Err(Refusal::field(Reason::FieldMalformed, &field("value_date"), message).into());
    }
    let occurrence = check::range(&field("occurrence"), row.occurrence.into(), 0, OCCURRENCE_MAX)?;
    let bank_reference = check::optional_text(&field("bank_reference"), &row.bank_reference, 100)?;
    Ok(Mutation {
        mutation_id,
        bank_account_id: account.bank_account_id,
        date: row.date.clone(),
        currency: account.currency,
        amount_minor: amount.minor,
        balance_minor: balance.map(|balance| balance.minor),
        description: check::optional_text(&field("description"), &row.description, 500)?,
        reference_by_day: !bank_reference.is_empty() && !row.reference_is_unique,
        bank_reference,
        entry: row.entry.as_ref().map(|entry| checked_entry(entry, index, account)).transpose()?,
        value_date: row.value_date.clone(),
        counterparty: check::optional_text(&field("counterparty"), &row.counterparty, 100)?,
        learnt_payer: String::new(),
        state: match (row.pending, amount.minor > 0) {
            (true, _) => MutationState::Pending,
            (false, true) => MutationState::Posted,
            (false, false) => MutationState::Ignored,
        },
        proposal: None,
        allocations: Vec::new(),
        credited_minor: 0,
        credited_customer_id: CustomerId(0),
        ignore_reason: if row.pending || amount.minor > 0 { String::new() } else { MONEY_OUT.into() },
        occurrence: i32::try_from(occurrence).unwrap_or(0),
        ignored_pending: false,
        undone: false,
        pending_occurrence: 0,
        file_hash: String::new(),
        create_ms: context.now_ms,
    })
}

/// The entry that a row is a part of.
fn checked_entry(entry: &EntryInput, index: usize, account: &BankAccount) -> Outcome<StatementEntry> {
    let field = |part: &str| format!("mutations[{index}].entry.{part}");
    let amount = check::money(&field("amount"), entry.amount.as_ref(), Some(account.currency), -AMOUNT_MAX)?;
    let occurrence = check::range(&field("occurrence"), entry.occurrence.into(), 1, OCCURRENCE_MAX)?;
    Ok(StatementEntry {
        reference: check::text(&field("reference"), &entry.reference, 100)?,
        amount_minor: amount.minor,
        occurrence: i32::try_from(occurrence).unwrap_or(1),
    })
}
