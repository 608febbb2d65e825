//! Bank accounts, mutations, matches, payments, refunds.

use kasir_core::command::{
    AllocationInput, BankAccountInput, ColumnMappingInput, Command, EntryInput, MatchingRulesInput,
    MutationInput,
};
use kasir_core::ids::{BankAccountId, ColumnMappingId, CustomerId, MutationId, OrderId};
use kasir_core::{Reason, Refusal};
use kasir_statements::check_mapping;

use super::{all, commands, ids};
use crate::contract as pb;

commands! {
    CreateBankAccountRequest => |request| {
        Command::CreateBankAccount(request.bank_account.unwrap_or_default().into())
    };
    ImportMutationsRequest => |request| Command::ImportMutations {
        bank_account_id: BankAccountId(request.bank_account_id),
        file_hash: request.file_hash,
        mutations: all(request.mutations),
        file_ends: request.file_ends,
    };
    SetMatchingRulesRequest => |request| Command::SetMatchingRules {
        bank_account_id: BankAccountId(request.bank_account_id),
        rules: request.matching_rules.unwrap_or_default().into(),
    };
    SaveColumnMappingRequest => |request| {
        Command::SaveColumnMapping(column_mapping(request.column_mapping.unwrap_or_default())?)
    };
    DeleteColumnMappingRequest => |request| Command::DeleteColumnMapping {
        column_mapping_id: ColumnMappingId(request.column_mapping_id),
    };
    // What the matcher proposes is added before it is submitted: see `desks`.
    ProposeMatchesRequest => |request| Command::ProposeMatches {
        bank_account_id: BankAccountId(request.bank_account_id),
        proposals: Vec::new(),
        unmatched: 0,
        more: false,
    };
    ConfirmMatchesRequest => |request| Command::ConfirmMatches {
        bank_account_id: BankAccountId(request.bank_account_id),
        mutation_ids: ids(request.mutation_ids, MutationId),
        all_auto: request.all_auto,
    };
    MatchMutationRequest => |request| Command::MatchMutation {
        mutation_id: MutationId(request.mutation_id),
        allocations: all(request.allocations),
        credit_remainder: request.credit_remainder,
        credit_customer_id: CustomerId(request.credit_customer_id),
    };
    JoinMutationsRequest => |request| Command::JoinMutations {
        mutation_ids: ids(request.mutation_ids, MutationId),
        order_id: OrderId(request.order_id),
        write_off: request.write_off.map(Into::into),
        credit_remainder: request.credit_remainder,
    };
    UndoMatchRequest => |request| Command::UndoMatch { mutation_id: MutationId(request.mutation_id) };
    IgnoreMutationRequest => |request| Command::IgnoreMutation {
        mutation_id: MutationId(request.mutation_id),
        reason: request.reason,
    };
    RecordPaymentRequest => |request| Command::RecordPayment {
        order_id: OrderId(request.order_id),
        amount: request.amount.map(Into::into),
        method: request.method,
        reference: request.reference,
    };
    RefundOrderRequest => |request| Command::RefundOrder {
        order_id: OrderId(request.order_id),
        reference: request.reference,
    };
}

impl From<pb::BankAccount> for BankAccountInput {
    fn from(account: pb::BankAccount) -> Self {
        Self {
            bank: account.bank,
            number: account.number,
            holder: account.holder,
            currency_code: account.currency_code,
            unique_code_min: account.unique_code_min,
            unique_code_max: account.unique_code_max,
            unique_code_subtracts: account.unique_code_subtracts,
        }
    }
}

/// The engine knows nothing of files: what it keeps is read here before.
fn column_mapping(mapping: pb::ColumnMapping) -> Result<ColumnMappingInput, Refusal> {
    if let Err(reason) = check_mapping(&mapping.mapping) {
        let message = format!("The mapping cannot be read: {reason}.");
        return Err(Refusal::field(Reason::FieldMalformed, "column_mapping.mapping", message));
    }
    Ok(ColumnMappingInput {
        bank_account_id: BankAccountId(mapping.bank_account_id),
        name: mapping.name,
        mapping: mapping.mapping,
    })
}

impl From<pb::MatchingRules> for MatchingRulesInput {
    fn from(rules: pb::MatchingRules) -> Self {
        Self {
            write_off_max: rules.write_off_max.map(Into::into),
            propose_by_itself: rules.propose_by_itself,
            confirm_by_itself: rules.confirm_by_itself,
        }
    }
}

impl From<pb::MutationInput> for MutationInput {
    fn from(mutation: pb::MutationInput) -> Self {
        Self {
            date: mutation.date,
            amount: mutation.amount.map(Into::into),
            balance: mutation.balance.map(Into::into),
            description: mutation.description,
            bank_reference: mutation.bank_reference,
            pending: mutation.pending,
            occurrence: mutation.occurrence,
            value_date: mutation.value_date,
            counterparty: mutation.counterparty,
            reference_is_unique: mutation.reference_is_unique,
            entry: mutation.entry.map(Into::into),
        }
    }
}

impl From<pb::StatementEntry> for EntryInput {
    fn from(entry: pb::StatementEntry) -> Self {
        Self {
            reference: entry.reference,
            amount: entry.amount.map(Into::into),
            occurrence: entry.occurrence,
        }
    }
}

impl From<pb::MutationAllocation> for AllocationInput {
    fn from(allocation: pb::MutationAllocation) -> Self {
        Self {
            order_id: OrderId(allocation.order_id),
            amount: allocation.amount.map(Into::into),
            write_off: allocation.write_off.map(Into::into),
        }
    }
}
