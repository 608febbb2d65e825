//! Reading bank accounts and bank mutations.

use super::page::{Page, Paged, newest, newest_under, oldest, whole};
use super::state_filter;
use crate::ids::{BankAccountId, MutationId};
use crate::kv::{Key, View};
use crate::records::{BankAccount, ColumnMapping, Mutation, need};
use crate::refusal::{Named, Outcome};
use crate::states::MutationState;
use crate::tables::Table;

/// All bank accounts by id.
pub fn list_bank_accounts(view: &dyn View, page: &Page) -> Outcome<Paged<BankAccount>> {
    Ok(oldest(view, page)?)
}

/// Column mappings newest first: of one account (0 is all).
pub fn list_column_mappings(
    view: &dyn View,
    bank_account_id: BankAccountId,
    page: &Page,
) -> Outcome<Paged<ColumnMapping>> {
    if bank_account_id.is_some() {
        need::<BankAccount>(view, bank_account_id.0).named("bank_account_id")?;
    }
    let is_wanted =
        |mapping: &ColumnMapping| !bank_account_id.is_some() || mapping.bank_account_id == bank_account_id;
    Ok(newest(view, page, is_wanted)?)
}

/// One bank mutation.
pub fn mutation(view: &dyn View, mutation_id: MutationId) -> Outcome<Mutation> {
    need(view, mutation_id.0).named("mutation_id")
}

/// Bank mutations newest first: of one account (0 is all), of one state (0 is all).
pub fn list_mutations(
    view: &dyn View,
    bank_account_id: BankAccountId,
    state: i32,
    page: &Page,
) -> Outcome<Paged<Mutation>> {
    let state = state_filter("state", state, MutationState::from_number)?;
    let accounts = if bank_account_id.is_some() {
        vec![need::<BankAccount>(view, bank_account_id.0).named("bank_account_id")?.bank_account_id]
    } else if state.is_some() {
        whole::<BankAccount>(view)?.iter().map(|account| account.bank_account_id).collect()
    } else {
        return Ok(newest(view, page, |_| true)?);
    };
    let states = state.as_ref().map_or(MutationState::ALL, std::slice::from_ref);
    let prefixes: Vec<Key> = accounts
        .iter()
        .flat_map(|account| states.iter().map(|state| Key::new().u64(account.0).u8(state.number())))
        .collect();
    Ok(newest_under(view, Table::MutationsByState, &prefixes, page, |_| true)?)
}
