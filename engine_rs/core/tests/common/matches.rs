//! Proposals written by hand, and what is done with them.

use std::collections::BTreeMap;

use super::{BCA, Shop, WAREHOUSE, from, idr};
use kasir_core::command::{Command, MatchingRulesInput, ProposalInput};
use kasir_core::ids::MutationId;
use kasir_core::matching::Desk;
use kasir_core::records::{Order, Proposal, ProposedAllocation};
use kasir_core::reply::{Confirmed, Proposed};
use kasir_core::states::MatchDecision;
use kasir_core::{Reason, Reply};

/// A shop with so many orders of one item.
pub fn shop(orders: usize) -> (Shop, Vec<Order>) {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 10_000_000, false);
    shop.receive(kopi, WAREHOUSE, 100);
    let orders = (0..orders).map(|_| shop.booked(vec![from(WAREHOUSE, kopi, 1)])).collect();
    (shop, orders)
}

pub fn part(order: &Order, amount_minor: i64, write_off_minor: i64) -> ProposedAllocation {
    let (order_id, order_version) = (order.order_id, order.version);
    ProposedAllocation { order_id, amount_minor, order_version, write_off_minor }
}

pub fn proposal(decision: MatchDecision, allocations: Vec<ProposedAllocation>, joined: &[u64]) -> Proposal {
    Proposal {
        decision,
        allocations,
        score_millinats: 9_000,
        margin_millinats: 8_000,
        reasons: vec!["because".into()],
        candidates: Vec::new(),
        joined: joined.iter().map(|id| MutationId(*id)).collect(),
    }
}

pub fn auto(allocations: Vec<ProposedAllocation>, joined: &[u64]) -> Proposal {
    proposal(MatchDecision::Auto, allocations, joined)
}

pub fn propose(shop: &mut Shop, proposals: Vec<(u64, Option<Proposal>)>) -> Proposed {
    let proposals =
        proposals.into_iter().map(|(id, proposal)| ProposalInput { mutation_id: MutationId(id), proposal });
    let command = Command::ProposeMatches {
        bank_account_id: BCA,
        proposals: proposals.collect(),
        unmatched: 7,
        more: false,
    };
    match shop.ok(command) {
        Reply::Proposed(proposed) => proposed,
        other => panic!("{other:?}"),
    }
}

pub fn confirm(shop: &mut Shop, ids: &[u64]) -> Vec<Confirmed> {
    let mutation_ids = ids.iter().map(|id| MutationId(*id)).collect();
    let command = Command::ConfirmMatches { bank_account_id: BCA, mutation_ids, all_auto: ids.is_empty() };
    match shop.ok(command) {
        Reply::Confirmed { results, .. } => results,
        other => panic!("{other:?}"),
    }
}

pub fn refusal(results: &[Confirmed]) -> Reason {
    results[0].result.as_ref().expect_err("it is refused").reason
}

pub fn rules(shop: &mut Shop, write_off_max: i64) {
    let rules = MatchingRulesInput { write_off_max: Some(idr(write_off_max)), ..Default::default() };
    shop.ok(Command::SetMatchingRules { bank_account_id: BCA, rules });
}

pub fn undo(id: u64) -> Command {
    Command::UndoMatch { mutation_id: MutationId(id) }
}

/// What a desk that reads everything proposes, by mutation.
pub fn found(shop: &Shop) -> BTreeMap<u64, Option<Proposal>> {
    let mut desk = Desk::open(&shop.state, BCA, 1).expect("the account is there");
    match desk.propose(&shop.state).expect("memory is readable") {
        Command::ProposeMatches { proposals, .. } => {
            proposals.into_iter().map(|each| (each.mutation_id.0, each.proposal)).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub fn decisions(shop: &Shop) -> Vec<Option<MatchDecision>> {
    found(shop).into_values().map(|proposal| proposal.map(|proposal| proposal.decision)).collect()
}
