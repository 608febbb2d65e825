//! Open orders and unmatched mutations of one bank account, and what is thought of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::reason::{Feature, Reason};
use crate::types::{
    Allocation, Candidate, CustomerKey, Decided, Decision, Mutation, MutationId, Order, OrderId, OrderState,
    Verdict,
};

/// The matcher of one bank account. What was put in, not in which order, makes its decisions.
#[derive(Debug, Default)]
pub struct Matcher {
    config: Config,
    orders: BTreeMap<OrderId, Order>,
    mutations: BTreeMap<MutationId, Mutation>,
    aliases: BTreeSet<(String, CustomerKey)>,
    decisions: BTreeMap<MutationId, Decision>,
}

impl Matcher {
    /// Knows nothing yet.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Adds an order, or puts it in the place of the one with its id.
    pub fn put_order(&mut self, order: Order) {
        self.orders.insert(order.order_id, order);
    }

    /// Takes an order out; says whether it was there.
    pub fn remove_order(&mut self, order_id: OrderId) -> bool {
        self.orders.remove(&order_id).is_some()
    }

    /// Adds a mutation, or puts it in the place of the one with its id.
    pub fn put_mutation(&mut self, mutation: Mutation) {
        self.mutations.insert(mutation.mutation_id, mutation);
    }

    /// Takes a mutation out, with its decision; says whether it was there.
    pub fn remove_mutation(&mut self, mutation_id: MutationId) -> bool {
        self.decisions.remove(&mutation_id);
        self.mutations.remove(&mutation_id).is_some()
    }

    /// Remembers that who pays as `payer_key` (see [`crate::payer_key`]) paid for a customer. Nothing for an empty key.
    pub fn learn(&mut self, payer_key: &str, customer_key: CustomerKey) {
        if !payer_key.is_empty() && customer_key != CustomerKey::default() {
            self.aliases.insert((payer_key.to_owned(), customer_key));
        }
    }

    /// Takes back what [`Self::learn`] was told; says whether it was known.
    pub fn forget(&mut self, payer_key: &str, customer_key: CustomerKey) -> bool {
        self.aliases.remove(&(payer_key.to_owned(), customer_key))
    }

    /// Decides anew what the changes since the last call touch: at most about `cap` mutations, competing ones together.
    pub fn decide(&mut self, cap: usize) -> Decided {
        let mut decided = Decided::default();
        for mutation in self.mutations.values() {
            let decision = self.exact(mutation);
            if self.decisions.get(&mutation.mutation_id) != Some(&decision) {
                if decided.changed.len() == cap {
                    decided.more = true;
                    break;
                }
                decided.changed.push(decision);
            }
        }
        for decision in &decided.changed {
            self.decisions.insert(decision.mutation_id, decision.clone());
        }
        decided
    }

    /// What was last decided of a mutation.
    pub fn decision(&self, mutation_id: MutationId) -> Option<&Decision> {
        self.decisions.get(&mutation_id)
    }

    fn exact(&self, mutation: &Mutation) -> Decision {
        let fits: Vec<&Order> =
            self.orders.values().filter(|order| order.due_minor == mutation.amount_minor).collect();
        let verdict = match fits.as_slice() {
            [] => Verdict::None,
            [order] if order.state != OrderState::Cancelled && !order.payable_shared => Verdict::Auto,
            [_] => Verdict::Suggested,
            _ => Verdict::Ambiguous,
        };
        let chosen = if fits.len() == 1 { fits.as_slice() } else { &[] };
        Decision {
            mutation_id: mutation.mutation_id,
            verdict,
            allocations: chosen
                .iter()
                .map(|order| Allocation {
                    order_id: order.order_id,
                    order_version: order.version,
                    amount_minor: mutation.amount_minor,
                    write_off_minor: 0,
                })
                .collect(),
            joined: Vec::new(),
            score_millinats: if chosen.is_empty() { 0 } else { EXACT_MILLINATS },
            margin_millinats: if chosen.is_empty() { 0 } else { EXACT_MILLINATS },
            reasons: chosen
                .iter()
                .map(|order| Reason {
                    feature: Feature::Exact(order.order_id),
                    weight_millinats: EXACT_MILLINATS,
                })
                .collect(),
            candidates: fits
                .iter()
                .take(self.config.candidates_max)
                .map(|order| Candidate { order_ids: vec![order.order_id], score_millinats: EXACT_MILLINATS })
                .collect(),
            cut: false,
        }
    }
}

/// Log-weight of an exact unique payable: the odds that a stranger's transfer hits one of 999 codes, ln(999) nats.
const EXACT_MILLINATS: i64 = 6_907;
