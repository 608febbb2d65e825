//! Bank accounts, mutations, matches, payments.

use kasir_core::Reply;
use kasir_core::ids::MutationId;
use kasir_core::money::Currency;
use kasir_core::records::{
    BankAccount, ColumnMapping, MatchCandidate, MatchingRules, Mutation, MutationAllocation, Proposal,
    ProposedAllocation,
};
use kasir_core::reply::{Confirmed, Imported, Proposed};

use super::{all, money, number, responses, time};
use crate::contract as pb;

responses! {
    CreateBankAccountResponse = Reply::BankAccount(account) => Self { bank_account: Some(account.into()) };
    SetMatchingRulesResponse = Reply::BankAccount(account) => Self { bank_account: Some(account.into()) };
    SaveColumnMappingResponse = Reply::ColumnMapping(mapping) => Self { column_mapping: Some(mapping.into()) };
    DeleteColumnMappingResponse = Reply::ColumnMapping(mapping) => Self { column_mapping: Some(mapping.into()) };
    ImportMutationsResponse = Reply::Imported(imported) => imported.into();
    ProposeMatchesResponse = Reply::Proposed(proposed) => proposed.into();
    ConfirmMatchesResponse = Reply::Confirmed { results, more } => Self { results: all(results), more };
    MatchMutationResponse = Reply::Matched { mutation, orders } => {
        Self { mutation: Some(mutation.into()), orders: all(orders) }
    };
    JoinMutationsResponse = Reply::Joined { mutations, order } => {
        Self { mutations: all(mutations), order: Some(order.into()) }
    };
    UndoMatchResponse = Reply::Mutation(mutation) => Self { mutation: Some(mutation.into()) };
    IgnoreMutationResponse = Reply::Mutation(mutation) => Self { mutation: Some(mutation.into()) };
    RecordPaymentResponse = Reply::Order(order) => Self { order: Some(order.into()) };
    RefundOrderResponse = Reply::Order(order) => Self { order: Some(order.into()) };
}

fn numbers(ids: Vec<MutationId>) -> Vec<u64> {
    ids.into_iter().map(|id| id.0).collect()
}

fn count(ids: &[MutationId]) -> i32 {
    i32::try_from(ids.len()).unwrap_or(i32::MAX)
}

impl From<Imported> for pb::ImportMutationsResponse {
    fn from(imported: Imported) -> Self {
        Self {
            new_rows: count(&imported.mutation_ids),
            known_rows: i32::try_from(imported.known_rows).unwrap_or(i32::MAX),
            file_known: imported.file_known,
            pending_rows: count(&imported.pending),
            mutation_ids: numbers(imported.mutation_ids),
            known_mutation_ids: numbers(imported.known),
            pending_mutation_ids: numbers(imported.pending),
            posted_mutation_ids: numbers(imported.posted),
        }
    }
}

impl From<Proposed> for pb::ProposeMatchesResponse {
    fn from(proposed: Proposed) -> Self {
        Self {
            auto: proposed.auto,
            suggested: proposed.suggested,
            unmatched: proposed.unmatched,
            more: proposed.more,
            withdrawn: proposed.withdrawn,
        }
    }
}

impl From<Confirmed> for pb::ConfirmMatchesResult {
    fn from(confirmed: Confirmed) -> Self {
        let mutation_id = confirmed.mutation_id.0;
        match confirmed.result {
            Ok((order_ids, state)) => Self {
                mutation_id,
                order_ids: order_ids.into_iter().map(|id| id.0).collect(),
                order_state: number(state.number()),
                error: None,
            },
            Err(refusal) => Self { mutation_id, error: Some(refusal.into()), ..Self::default() },
        }
    }
}

impl From<BankAccount> for pb::BankAccount {
    fn from(account: BankAccount) -> Self {
        Self {
            bank_account_id: account.bank_account_id.0,
            bank: account.bank,
            number: account.number,
            holder: account.holder,
            currency_code: account.currency.code().to_owned(),
            unique_code_min: account.unique_code_min,
            unique_code_max: account.unique_code_max,
            unique_code_subtracts: account.unique_code_subtracts,
            matching_rules: Some(rules(account.matching_rules, account.currency)),
        }
    }
}

impl From<ColumnMapping> for pb::ColumnMapping {
    fn from(mapping: ColumnMapping) -> Self {
        Self {
            column_mapping_id: mapping.column_mapping_id.0,
            bank_account_id: mapping.bank_account_id.0,
            name: mapping.name,
            mapping: mapping.mapping,
            saved_by: mapping.saved_by,
            save_time: time(mapping.save_ms),
        }
    }
}

fn rules(rules: MatchingRules, currency: Currency) -> pb::MatchingRules {
    pb::MatchingRules {
        write_off_max: money(rules.write_off_max_minor, currency),
        propose_by_itself: rules.propose_by_itself,
        confirm_by_itself: rules.confirm_by_itself,
    }
}

fn written_off(minor: i64, currency: Currency) -> Option<pb::Money> {
    if minor == 0 { None } else { money(minor, currency) }
}

fn candidate(candidate: MatchCandidate) -> pb::MatchCandidate {
    pb::MatchCandidate {
        order_ids: candidate.order_ids.into_iter().map(|id| id.0).collect(),
        score_millinats: candidate.score_millinats,
    }
}

fn proposed(allocation: &ProposedAllocation, currency: Currency) -> pb::ProposedAllocation {
    pb::ProposedAllocation {
        order_id: allocation.order_id.0,
        amount: money(allocation.amount_minor, currency),
        order_version: allocation.order_version,
        write_off: written_off(allocation.write_off_minor, currency),
    }
}

fn proposal(proposal: Proposal, currency: Currency) -> pb::Proposal {
    pb::Proposal {
        decision: number(proposal.decision.number()),
        allocations: proposal.allocations.iter().map(|each| proposed(each, currency)).collect(),
        score_millinats: proposal.score_millinats,
        margin_millinats: proposal.margin_millinats,
        reasons: proposal.reasons,
        candidates: proposal.candidates.into_iter().map(candidate).collect(),
        joined_mutation_ids: numbers(proposal.joined),
    }
}

fn allocated(allocation: &MutationAllocation, currency: Currency) -> pb::MutationAllocation {
    pb::MutationAllocation {
        order_id: allocation.order_id.0,
        amount: money(allocation.amount_minor, currency),
        write_off: written_off(allocation.write_off_minor, currency),
    }
}

impl From<Mutation> for pb::Mutation {
    fn from(mutation: Mutation) -> Self {
        let currency = mutation.currency;
        Self {
            mutation_id: mutation.mutation_id.0,
            bank_account_id: mutation.bank_account_id.0,
            date: mutation.date,
            amount: money(mutation.amount_minor, currency),
            balance: mutation.balance_minor.and_then(|minor| money(minor, currency)),
            description: mutation.description,
            bank_reference: mutation.bank_reference,
            state: number(mutation.state.number()),
            proposal: mutation.proposal.map(|each| proposal(each, currency)),
            allocations: mutation.allocations.iter().map(|each| allocated(each, currency)).collect(),
            credited: money(mutation.credited_minor, currency),
            ignore_reason: mutation.ignore_reason,
            occurrence: mutation.occurrence,
            create_time: time(mutation.create_ms),
            credited_customer_id: mutation.credited_customer_id.0,
            value_date: mutation.value_date,
            counterparty: mutation.counterparty,
        }
    }
}
