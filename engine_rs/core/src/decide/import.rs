//! The mutations of an account's statements: each row once, however often its file comes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::matching::state_prefix;
use super::row_key::{
    PENDING_ID_AT, entry_key, file_key, folded, id_key, known, pending_key, pending_prefix,
    pending_prefix_by_text, row_key,
};
use super::{Answer, Decided, check, next_id};
use crate::command::{EntryInput, MutationInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{BankAccountId, CustomerId, MutationId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::money::AMOUNT_MAX;
use crate::records::{BankAccount, Mutation, PostedText, StatementEntry, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Imported;
use crate::states::MutationState;
use crate::tables::Table;
use crate::text;

/// Most rows of one import.
const ROWS_MAX: usize = 5_000;
/// Most equal rows of one file.
const OCCURRENCE_MAX: i64 = 1_000_000;
/// Most pending rows of an account among which one with another text is looked for.
const PENDING_MAX: usize = 1_000;
/// The bank posts a row whose text it changes within so many days.
const POSTED_WITHIN_DAYS: i32 = 7;
/// Why money out is set aside at once.
const MONEY_OUT: &str = "Money out pays no order.";

/// The file that rows come from.
pub(crate) struct File<'a> {
    /// Empty: none.
    pub(crate) hash: &'a str,
    /// It has no more rows.
    pub(crate) ends: bool,
}

/// Adds rows that are new, posts those that were pending, leaves those that are known.
pub(crate) fn import(
    view: &dyn View,
    account_id: BankAccountId,
    file: &File<'_>,
    rows: &[MutationInput],
    context: &Context<'_>,
) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0).named("bank_account_id")?;
    let file_hash = check::optional_text("file_hash", file.hash, 128)?;
    let file_key = Some(file_key(account_id, &file_hash)).filter(|_| !file_hash.is_empty());
    let file_known = match &file_key {
        Some(key) => view.get(Table::StatementFiles, key.as_slice())?.is_some(),
        None => false,
    };
    check::count("mutations", rows.len(), ROWS_MAX)?;
    let first = next_id(view, MutationId::COUNTER)?;
    let mut run = Import {
        view,
        imported: Imported::default(),
        events: Vec::new(),
        ids: BTreeMap::new(),
        posted: BTreeSet::new(),
        met: BTreeSet::new(),
        done: BTreeMap::new(),
        looked: BTreeMap::new(),
        undated: BTreeMap::new(),
        pending: None,
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
        if file_known {
            run.row_of_known_file(&mutation)?;
        } else if mutation.is_unposted() {
            run.pending_row(mutation)?;
        } else {
            run.row(mutation)?;
        }
    }
    run.imported.file_known = file_known;
    run.imported.known_rows = rows.len() - run.imported.mutation_ids.len();
    if file.ends && !file_known && file_key.is_some() {
        run.events.push(Event::StatementImported { bank_account_id: account_id, file_hash });
    }
    Ok(Decided::new(run.events, Answer::Imported(run.imported)))
}

/// Pending rows of an account, by amount.
type PendingRows = BTreeMap<i64, Vec<Waiting>>;

/// One call's import under way.
struct Import<'v> {
    view: &'v dyn View,
    imported: Imported,
    events: Vec<Event>,
    /// The rows met in this call, and which mutation each is.
    ids: BTreeMap<Vec<u8>, MutationId>,
    posted: BTreeSet<MutationId>,
    /// The mutations that posted rows of this call turned out to be.
    met: BTreeSet<MutationId>,
    /// Per prefix of equal pending rows how many of them are posted and out of the way.
    done: BTreeMap<Vec<u8>, i32>,
    /// Per prefix of equal pending rows the first id that was not looked at: none is met twice, however many are equal.
    looked: BTreeMap<Vec<u8>, u64>,
    /// Per id and amount, day and mutation of the rows that were imported before days were looked at.
    undated: BTreeMap<Vec<u8>, Vec<(String, MutationId)>>,
    /// Pending rows by amount; none of an account with too many. Read when first needed.
    pending: Option<Rc<PendingRows>>,
}

impl Import<'_> {
    fn row(&mut self, mutation: Mutation) -> Outcome<()> {
        let key = row_key(&mutation);
        let here = self.ids.get(key.as_slice()).copied();
        let before = self.before(&mutation)?;
        let waits = match before {
            None if here.is_none() => self.waiting(&mutation)?,
            Some(_) | None => before,
        };
        if let Some(id) = waits.filter(|id| !self.posted.contains(id)) {
            let pending: Mutation = must(self.view, id.0)?;
            if pending.is_unposted() {
                self.post(&pending, mutation);
                self.ids.insert(key.as_slice().to_vec(), id);
                return Ok(());
            }
        }
        if let Some(id) = before.or(here) {
            self.met.insert(id);
            self.imported.known.push(id);
            return Ok(());
        }
        let parts = self.waiting_parts(&mutation)?;
        if let Some(first) = parts.first() {
            self.ids.insert(key.as_slice().to_vec(), first.mutation_id);
            for part in parts {
                let posted = Mutation { date: mutation.date.clone(), balance_minor: None, ..part.clone() };
                self.post(&part, posted);
            }
            return Ok(());
        }
        self.add(key, mutation);
        Ok(())
    }

    /// A row that was taken, though it may read otherwise today: a day without a year is of another one then.
    fn row_of_known_file(&mut self, row: &Mutation) -> Outcome<()> {
        let found = if row.is_unposted() { known(self.view, &row_key(row))? } else { self.before(row)? };
        self.imported.known.extend(found);
        Ok(())
    }

    /// A row that the bank has not posted. One that it posted on an earlier day, or that the same file has posted too, is another.
    fn pending_row(&mut self, mut mutation: Mutation) -> Outcome<()> {
        if mutation.bank_reference.is_empty() || mutation.reference_by_day {
            mutation.occurrence += self.done(&mutation)?;
        }
        let key = row_key(&mutation);
        let here = self.ids.get(key.as_slice()).copied();
        if let Some(id) = known(self.view, &key)?.or(here) {
            self.imported.known.push(id);
            return Ok(());
        }
        self.imported.pending.push(mutation.mutation_id);
        self.add(key, mutation);
        Ok(())
    }

    fn add(&mut self, key: Key, mutation: Mutation) {
        self.ids.insert(key.as_slice().to_vec(), mutation.mutation_id);
        self.imported.mutation_ids.push(mutation.mutation_id);
        self.events.push(Event::MutationImported(Box::new(mutation)));
    }

    /// How many rows equal to this pending one are posted and out of its way. They stand before the others: they are found by
    /// doubling, then by halving.
    fn done(&mut self, row: &Mutation) -> Result<i32, Fault> {
        let prefix = pending_prefix(row).as_slice().to_vec();
        if let Some(done) = self.done.get(&prefix) {
            return Ok(*done);
        }
        let is_done = |occurrence| -> Result<bool, Fault> {
            let Some(id) = known(self.view, &pending_key(row, occurrence))? else { return Ok(false) };
            if self.posted.contains(&id) {
                return Ok(true);
            }
            let before: Mutation = must(self.view, id.0)?;
            Ok(!before.is_unposted() && (before.date < row.date || self.met.contains(&id)))
        };
        let (mut done, mut step) = (0, 1);
        while is_done(done + step)? {
            done += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if is_done(done + step)? {
                done += step;
            }
        }
        self.done.insert(prefix, done);
        Ok(done)
    }

    /// The mutation this row is, imported by an earlier call: by itself, before days were looked at, or within its whole entry.
    fn before(&mut self, row: &Mutation) -> Result<Option<MutationId>, Fault> {
        if let Some(id) = known(self.view, &row_key(row))? {
            return Ok(Some(id));
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

    /// The row that waits to be posted and that this one is: by its id, else by its text, else by what the bank left of its text.
    fn waiting(&mut self, row: &Mutation) -> Result<Option<MutationId>, Fault> {
        if let Some(id) = self.waiting_under(&pending_prefix(row))? {
            return Ok(Some(id));
        }
        if !row.bank_reference.is_empty()
            && let Some(id) = self.waiting_under(&pending_prefix_by_text(row))?
        {
            return Ok(Some(id));
        }
        self.waiting_alike(row)
    }

    /// The first of equal rows that wait to be posted which is not taken by another row of this call.
    fn waiting_under(&mut self, prefix: &Key) -> Result<Option<MutationId>, Fault> {
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

    fn pending(&mut self, account_id: BankAccountId) -> Result<Rc<PendingRows>, Fault> {
        if let Some(pending) = &self.pending {
            return Ok(Rc::clone(pending));
        }
        let pending = Rc::new(pending_by_amount(self.view, account_id)?);
        self.pending = Some(Rc::clone(&pending));
        Ok(pending)
    }

    /// The only row of this amount that waits, of about this day, of which the text begins this one's or the other way round.
    fn waiting_alike(&mut self, row: &Mutation) -> Result<Option<MutationId>, Fault> {
        let pending = self.pending(row.bank_account_id)?;
        let posted = Waiting::new(row.clone());
        let mut alike = pending.get(&row.amount_minor).into_iter().flatten().filter(|waiting| {
            waiting.is_alike(&posted) && !self.posted.contains(&waiting.mutation.mutation_id)
        });
        let first = alike.next();
        Ok(first.filter(|_| alike.next().is_none()).map(|waiting| waiting.mutation.mutation_id))
    }

    /// The pending rows that are all the parts of this entry, told as a whole; none when some are missing.
    fn waiting_parts(&mut self, row: &Mutation) -> Result<Vec<Mutation>, Fault> {
        if !row.reference_by_day || row.entry.is_some() {
            return Ok(Vec::new());
        }
        let pending = self.pending(row.bank_account_id)?;
        let day = text::day_of(&row.date);
        let is_of_it = |part: &&Waiting| {
            let entry = part.mutation.entry.as_ref();
            entry.is_some_and(|entry| {
                entry.reference == row.bank_reference && entry.amount_minor == row.amount_minor
            }) && part.is_near(day)
                && !self.posted.contains(&part.mutation.mutation_id)
        };
        let of_it = pending.values().flatten().filter(is_of_it);
        let parts: Vec<Mutation> = of_it.map(|part| part.mutation.clone()).collect();
        let sum: i128 = parts.iter().map(|part| i128::from(part.amount_minor)).sum();
        Ok(if sum == i128::from(row.amount_minor) { parts } else { Vec::new() })
    }

    fn post(&mut self, pending: &Mutation, row: Mutation) {
        let mutation_id = pending.mutation_id;
        self.posted.insert(mutation_id);
        self.imported.known.push(mutation_id);
        self.imported.posted.push(mutation_id);
        let is_money_out = row.amount_minor <= 0;
        let changed = folded(&pending.description) != folded(&row.description)
            || pending.bank_reference != row.bank_reference
            || (row.entry.is_some() && pending.entry != row.entry);
        let or = |text: String, before: &str| if text.is_empty() { before.to_string() } else { text };
        self.events.push(Event::MutationPosted {
            mutation_id,
            date: row.date,
            balance_minor: row.balance_minor,
            occurrence: row.occurrence,
            text: changed.then(|| PostedText {
                description: row.description,
                bank_reference: row.bank_reference,
                reference_by_day: row.reference_by_day,
                entry: row.entry,
                value_date: or(row.value_date, &pending.value_date),
                counterparty: or(row.counterparty, &pending.counterparty),
            }),
        });
        if is_money_out {
            self.events.push(Event::MutationIgnored { mutation_id, reason: MONEY_OUT.into() });
        }
    }
}

/// An account's pending rows by amount; none when there are more than are looked at.
fn pending_by_amount(view: &dyn View, account_id: BankAccountId) -> Result<PendingRows, Fault> {
    let prefix = state_prefix(account_id, MutationState::Pending);
    let mut ids = Vec::new();
    view.scan(Table::MutationsByState, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        ids.push(u64_at(key, key.len() - 8)?);
        Ok(ids.len() <= PENDING_MAX)
    })?;
    let mut by_amount = PendingRows::new();
    if ids.len() <= PENDING_MAX {
        for id in ids {
            let pending: Mutation = must(view, id)?;
            by_amount.entry(pending.amount_minor).or_default().push(Waiting::new(pending));
        }
    }
    Ok(by_amount)
}

/// A row with what it is compared by: many are, with many.
struct Waiting {
    mutation: Mutation,
    day: Option<i32>,
    text: String,
}

impl Waiting {
    fn new(mutation: Mutation) -> Self {
        Self { day: text::day_of(&mutation.date), text: folded(&mutation.description), mutation }
    }

    /// Whether the bank may post it on this day.
    fn is_near(&self, day: Option<i32>) -> bool {
        self.day.zip(day).is_some_and(|(one, other)| (one - other).abs() <= POSTED_WITHIN_DAYS)
    }

    /// Whether a posted row may be this one with its text cut off or completed.
    fn is_alike(&self, row: &Self) -> bool {
        let has_other_id =
            !self.mutation.bank_reference.is_empty() && !row.mutation.bank_reference.is_empty();
        !has_other_id
            && self.is_near(row.day)
            && !self.text.is_empty()
            && !row.text.is_empty()
            && (self.text.starts_with(&row.text) || row.text.starts_with(&self.text))
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
        return Err(Refusal::field(Reason::FieldMalformed, field("date"), message).into());
    }
    let amount = check::money(&field("amount"), row.amount.as_ref(), Some(account.currency), -AMOUNT_MAX)?;
    let balance = row
        .balance
        .as_ref()
        .map(|balance| check::money(&field("balance"), Some(balance), Some(account.currency), -AMOUNT_MAX))
        .transpose()?;
    if !row.value_date.is_empty() && !text::is_date(&row.value_date) {
        let message = format!("{} is no date YYYY-MM-DD.", field("value_date"));
        return Err(Refusal::field(Reason::FieldMalformed, field("value_date"), message).into());
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
        pending_text: None,
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
