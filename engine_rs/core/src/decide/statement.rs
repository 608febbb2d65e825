//! Bank accounts and the mutations of their statements: each row once, however often its file comes.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{bounded, free_code};
use super::{Answer, Decided, check, next_id};
use crate::codes::CodeKind;
use crate::command::{BankAccountInput, MatchingRulesInput, MutationInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{BankAccountId, CustomerId, MutationId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::money::AMOUNT_MAX;
use crate::records::{BankAccount, MatchingRules, Mutation, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Imported;
use crate::states::MutationState;
use crate::tables::Table;
use crate::text;

/// Most rows of one import.
const ROWS_MAX: usize = 5_000;
/// Most bank accounts of a shop.
const ACCOUNTS_MAX: u64 = 1_000;
/// Largest unique code.
const UNIQUE_CODE_MAX: i64 = 99_999;

/// Adds a bank account.
pub(crate) fn create_account(view: &dyn View, input: &BankAccountInput) -> Outcome<Decided> {
    let field = |part: &str| format!("bank_account.{part}");
    let number = check::code(&field("number"), &input.number, 40)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        let message = "A bank account's number has digits and capital letters only.";
        return Err(Refusal::field(Reason::FieldMalformed, &field("number"), message).into());
    }
    free_code(view, CodeKind::BankAccount, &field("number"), &number)?;
    let id = next_id(view, BankAccountId::COUNTER)?;
    bounded(id, ACCOUNTS_MAX, "bank accounts")?;
    let or = |value: i32, default: i32| if value == 0 { default } else { value };
    let min =
        check::range(&field("unique_code_min"), or(input.unique_code_min, 1).into(), 1, UNIQUE_CODE_MAX)?;
    let max =
        check::range(&field("unique_code_max"), or(input.unique_code_max, 999).into(), min, UNIQUE_CODE_MAX)?;
    let account = BankAccount {
        bank_account_id: BankAccountId(id),
        bank: check::text(&field("bank"), &input.bank, 20)?,
        number,
        holder: check::text(&field("holder"), &input.holder, 100)?,
        currency: check::currency(&field("currency_code"), &input.currency_code)?,
        unique_code_min: i32::try_from(min).unwrap_or(1),
        unique_code_max: i32::try_from(max).unwrap_or(999),
        unique_code_subtracts: input.unique_code_subtracts,
        matching_rules: MatchingRules::default(),
    };
    let answer = Answer::BankAccount(account.bank_account_id);
    Ok(Decided::one(Event::BankAccountCreated(account), answer))
}

/// Says what an account's shop allows when money is matched.
pub(crate) fn set_rules(
    view: &dyn View,
    account_id: BankAccountId,
    input: &MatchingRulesInput,
) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0)?;
    let field = |part: &str| format!("matching_rules.{part}");
    let write_off_max = input.write_off_max.as_ref();
    if input.confirm_by_itself && !input.propose_by_itself {
        let message = "Nothing is confirmed by itself that is not proposed by itself.";
        return Err(Refusal::field(Reason::FieldMalformed, &field("confirm_by_itself"), message).into());
    }
    let rules = MatchingRules {
        write_off_max_minor: check::optional_money(&field("write_off_max"), write_off_max, account.currency)?,
        propose_by_itself: input.propose_by_itself,
        confirm_by_itself: input.confirm_by_itself,
    };
    let event = Event::MatchingRulesSet { bank_account_id: account_id, rules };
    Ok(Decided::one(event, Answer::BankAccount(account_id)))
}

/// Where the mutation stands in a key of pending rows: behind the shard and the hash.
const PENDING_ID_AT: usize = 1 + blake3::OUT_LEN;

/// Why money out is set aside at once.
const MONEY_OUT: &str = "Money out pays no order.";

/// What makes a row the same row: the bank's own id, or date, amount, text and balance; and which of several equal ones.
/// A pending row has neither its date nor its balance yet: amount and text make it.
pub(crate) fn row_key(mutation: &Mutation) -> Key {
    key_of(mutation, mutation.is_unposted(), mutation.occurrence)
}

/// The key that a posted row had while it was pending: it keeps it, because the file that had it pending may come again.
pub(crate) fn pending_row_key(mutation: &Mutation) -> Option<Key> {
    (mutation.pending_occurrence > 0).then(|| key_of(mutation, true, mutation.pending_occurrence))
}

/// The key prefix of the pending rows that this row may be, once posted: any of those that only their occurrence tells apart.
pub(crate) fn pending_prefix(mutation: &Mutation) -> Key {
    Key::new().bytes(base(mutation, true).finalize().as_bytes())
}

fn key_of(mutation: &Mutation, pending: bool, occurrence: i32) -> Key {
    let mut hash = base(mutation, pending);
    hash.update(&occurrence.to_be_bytes());
    Key::new().bytes(hash.finalize().as_bytes())
}

/// A row without its occurrence.
fn base(mutation: &Mutation, pending: bool) -> blake3::Hasher {
    let mut hash = blake3::Hasher::new();
    hash.update(&mutation.bank_account_id.0.to_be_bytes());
    hash.update(&mutation.amount_minor.to_be_bytes());
    if mutation.bank_reference.is_empty() {
        let words: Vec<&str> = mutation.description.split_whitespace().collect();
        hash.update(words.join(" ").to_uppercase().as_bytes());
        if pending {
            hash.update(b"pending");
        } else {
            hash.update(mutation.date.as_bytes());
            hash.update(&mutation.balance_minor.unwrap_or(i64::MIN).to_be_bytes());
        }
    } else {
        hash.update(mutation.bank_reference.as_bytes());
    }
    hash
}

/// The mutation a row is, if it was imported before.
fn known(view: &dyn View, key: &Key) -> Result<Option<MutationId>, Fault> {
    view.get(Table::MutationKeys, key.as_slice())?.map(|bytes| u64_at(&bytes, 0).map(MutationId)).transpose()
}

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
    };
    let mut seen: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let id = MutationId(first + run.imported.mutation_ids.len() as u64);
        let mut mutation = checked(row, index, &account, id, context)?;
        mutation.file_hash.clone_from(&file_hash);
        if mutation.occurrence == 0 {
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
}

impl Import<'_> {
    fn row(&mut self, mutation: Mutation) -> Outcome<()> {
        let key = row_key(&mutation);
        let here = self.ids.get(key.as_slice()).copied();
        let before = known(self.view, &key)?;
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
    let occurrence = check::range(&field("occurrence"), row.occurrence.into(), 0, 1_000_000)?;
    Ok(Mutation {
        mutation_id,
        bank_account_id: account.bank_account_id,
        date: row.date.clone(),
        currency: account.currency,
        amount_minor: amount.minor,
        balance_minor: balance.map(|balance| balance.minor),
        description: check::optional_text(&field("description"), &row.description, 500)?,
        bank_reference: check::optional_text(&field("bank_reference"), &row.bank_reference, 100)?,
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
