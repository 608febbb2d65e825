//! Bank accounts and the mutations of their statements.

use serde::{Deserialize, Serialize};

use super::{Record, empty, record};
use crate::ids::{BankAccountId, ColumnMappingId, CustomerId, MutationId, OrderId};
use crate::money::Currency;
use crate::refusal::Reason;
use crate::states::{MatchDecision, MutationState};
use crate::tables::Table;

/// A bank account of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAccount {
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub number: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub holder: String,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_min: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_max: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_subtracts: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub matching_rules: MatchingRules,
}
record!(BankAccount, BankAccounts, "bank account", BankAccountNotFound, bank_account_id);

/// What an account's shop allows when money is matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchingRules {
    /// Most that is written off of what an order has to pay when a transfer came short.
    #[serde(default, skip_serializing_if = "empty")]
    pub write_off_max_minor: i64,
    /// The server runs the matcher by itself.
    #[serde(default, skip_serializing_if = "empty")]
    pub propose_by_itself: bool,
    /// It confirms AUTO proposals too.
    #[serde(default, skip_serializing_if = "empty")]
    pub confirm_by_itself: bool,
}

/// Which column of a bank account's files means what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMapping {
    #[serde(default, skip_serializing_if = "empty")]
    pub column_mapping_id: ColumnMappingId,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    /// One of a kind among the account's.
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    /// As the readers of files take it.
    #[serde(default, skip_serializing_if = "empty")]
    pub mapping: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub saved_by: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub save_ms: i64,
}
record!(ColumnMapping, ColumnMappings, "column mapping", ColumnMappingNotFound, column_mapping_id);

/// One order a mutation may pay, with the order's version the proposal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedAllocation {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_version: i64,
    /// What the order would still have to pay then, and is written off.
    #[serde(default, skip_serializing_if = "empty")]
    pub write_off_minor: i64,
}

/// Orders that a mutation may pay together, as one of several answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchCandidate {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_ids: Vec<OrderId>,
    #[serde(default, skip_serializing_if = "empty")]
    pub score_millinats: i64,
}

/// What the matcher proposes for a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub decision: MatchDecision,
    #[serde(default, skip_serializing_if = "empty")]
    pub allocations: Vec<ProposedAllocation>,
    #[serde(default, skip_serializing_if = "empty")]
    pub score_millinats: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub margin_millinats: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub reasons: Vec<String>,
    /// Best first, the proposed one included.
    #[serde(default, skip_serializing_if = "empty")]
    pub candidates: Vec<MatchCandidate>,
    /// Other mutations that pay the same order together with this one.
    #[serde(default, skip_serializing_if = "empty")]
    pub joined: Vec<MutationId>,
}

/// How much of a mutation pays which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutationAllocation {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    /// What the order would still have had to pay, and was written off.
    #[serde(default, skip_serializing_if = "empty")]
    pub write_off_minor: i64,
}

/// An entry of a statement that stands for several payments, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementEntry {
    /// The bank's own id of it.
    #[serde(default, skip_serializing_if = "empty")]
    pub reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    /// Which of several equal ones.
    #[serde(default, skip_serializing_if = "empty")]
    pub occurrence: i32,
}

/// What the bank says of a posted row otherwise than it said while the row was pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedText {
    #[serde(default, skip_serializing_if = "empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub reference_by_day: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub entry: Option<StatementEntry>,
    #[serde(default, skip_serializing_if = "empty")]
    pub value_date: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub counterparty: String,
}

/// What a posted row was known by while it was pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingText {
    #[serde(default, skip_serializing_if = "empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_reference: String,
}

/// One line of a bank statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    #[serde(default, skip_serializing_if = "empty")]
    pub mutation_id: MutationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    /// "YYYY-MM-DD".
    #[serde(default, skip_serializing_if = "empty")]
    pub date: String,
    pub currency: Currency,
    /// Signed: money in is positive.
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub balance_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_reference: String,
    /// The bank may give `bank_reference` again on another day.
    #[serde(default, skip_serializing_if = "empty")]
    pub reference_by_day: bool,
    /// The entry of which it is one payment.
    #[serde(default, skip_serializing_if = "empty")]
    pub entry: Option<StatementEntry>,
    /// "YYYY-MM-DD", or empty.
    #[serde(default, skip_serializing_if = "empty")]
    pub value_date: String,
    /// Who paid or was paid, as far as the bank says.
    #[serde(default, skip_serializing_if = "empty")]
    pub counterparty: String,
    pub state: MutationState,
    #[serde(default, skip_serializing_if = "empty")]
    pub proposal: Option<Proposal>,
    #[serde(default, skip_serializing_if = "empty")]
    pub allocations: Vec<MutationAllocation>,
    #[serde(default, skip_serializing_if = "empty")]
    pub credited_minor: i64,
    /// The payer that was learnt when it was confirmed; empty: none was.
    #[serde(default, skip_serializing_if = "empty")]
    pub learnt_payer: String,
    /// Whose credit grew.
    #[serde(default, skip_serializing_if = "empty")]
    pub credited_customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub ignore_reason: String,
    /// Set aside before the bank posted it, which it may still do.
    #[serde(default, skip_serializing_if = "empty")]
    pub ignored_pending: bool,
    /// A match of it was undone: whatever is proposed for it from then on is for a person to confirm.
    #[serde(default, skip_serializing_if = "empty")]
    pub undone: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub occurrence: i32,
    /// Which of several equal pending rows it was before the bank posted it; 0: it never was pending.
    #[serde(default, skip_serializing_if = "empty")]
    pub pending_occurrence: i32,
    /// Its text and id before the bank posted it, where they were others.
    #[serde(default, skip_serializing_if = "empty")]
    pub pending_text: Option<PendingText>,
    #[serde(default, skip_serializing_if = "empty")]
    pub file_hash: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Mutation, Mutations, "mutation", MutationNotFound, mutation_id);

impl Mutation {
    /// Whether the bank has not posted it yet.
    pub fn is_unposted(&self) -> bool {
        self.state == MutationState::Pending || self.ignored_pending
    }
}
