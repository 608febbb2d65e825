//! The lines of `kasir match`: orders and mutations in, decisions out, JSON each.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use kasir_core::money::AMOUNT_MAX;
use kasir_matching::{CustomerKey, Decision, Mutation, MutationId, Order, OrderId, OrderState, Verdict};
use prost_types::Timestamp;
use rustc_hash::FxHashMap;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

const DAY_S: i64 = 86_400;

/// An id as the file has it, and gets it back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub(crate) enum Id<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => text.fmt(f),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ids;

        impl<'de> Visitor<'de> for Ids {
            type Value = Id<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: text, or a number from 0")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Id::Number(number))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Id::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Id::Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_any(Ids)
    }
}

impl Id<'_> {
    /// What customers write of it: its last digits.
    fn number(&self) -> u64 {
        match self {
            Id::Number(number) => *number,
            Id::Text(text) => {
                let end = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                let from = end.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |at| at + 1);
                end.get(from..).and_then(|digits| digits.parse().ok()).unwrap_or(0)
            }
        }
    }
}

/// Text that is not copied unless it has to be.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Debug, Deserialize)]
pub(crate) struct OrderLine<'a> {
    #[serde(borrow)]
    pub(crate) order_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) account: Id<'a>,
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) payable_minor: i64,
    #[serde(default)]
    pub(crate) unique_code: i32,
    #[serde(default)]
    paid_minor: i64,
    #[serde(default)]
    customer_id: u64,
    #[serde(default, borrow)]
    customer_name: Option<Text<'a>>,
    #[serde(borrow)]
    create_time: Cow<'a, str>,
    #[serde(default, borrow)]
    expire_time: Option<Text<'a>>,
    #[serde(default)]
    cancelled: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MutationLine<'a> {
    #[serde(borrow)]
    pub(crate) mutation_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) account: Id<'a>,
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    #[serde(borrow)]
    date: Cow<'a, str>,
    amount_minor: i64,
    #[serde(borrow)]
    direction: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    description: Cow<'a, str>,
    #[serde(borrow)]
    counterparty: Option<Text<'a>>,
}

/// Each customer's number: customers are told apart by id where the file has it, else by name.
#[derive(Debug, Default)]
pub(crate) struct Customers {
    by_id: FxHashMap<u64, u64>,
    by_name: FxHashMap<String, u64>,
}

impl Customers {
    fn key(&mut self, line: &OrderLine<'_>) -> CustomerKey {
        let next = (self.by_id.len() + self.by_name.len() + 1) as u64;
        if line.customer_id != 0 {
            return CustomerKey(*self.by_id.entry(line.customer_id).or_insert(next));
        }
        let name = line.customer_name.as_ref().map(|name| name.0.trim().to_uppercase()).unwrap_or_default();
        if name.is_empty() {
            return CustomerKey::default();
        }
        CustomerKey(*self.by_name.entry(name).or_insert(next))
    }
}

impl OrderLine<'_> {
    /// The order, by its place in the file; none when nothing is due.
    pub(crate) fn order(&self, at: usize, customers: &mut Customers) -> Result<Option<Order>, String> {
        let amounts = 0..=AMOUNT_MAX;
        if self.payable_minor == 0
            || !amounts.contains(&self.payable_minor)
            || !amounts.contains(&self.paid_minor)
        {
            return Err(format!(
                "payable_minor has to be above 0, paid_minor not below, both at most {AMOUNT_MAX}"
            ));
        }
        let order = Order {
            order_id: OrderId(at as u64),
            version: 0,
            number: self.order_id.number(),
            customer_key: customers.key(self),
            customer_name: self
                .customer_name
                .as_ref()
                .map(|name| name.0.clone().into_owned())
                .unwrap_or_default(),
            payable_minor: self.payable_minor,
            due_minor: self.payable_minor - self.paid_minor,
            unique_code: self.unique_code,
            create_ms: time_ms(&self.create_time)?,
            expire_ms: self.expire_time.as_ref().map_or(Ok(0), |time| time_ms(&time.0))?,
            state: if self.cancelled { OrderState::Cancelled } else { OrderState::Open },
            payable_shared: false,
        };
        Ok((order.due_minor > 0).then_some(order))
    }
}

impl MutationLine<'_> {
    /// The mutation, by its place in the file; none for money out, for what is pending and for nothing.
    pub(crate) fn mutation(&self, at: usize) -> Result<Option<Mutation>, String> {
        let day = day(&self.date)?;
        let amount_minor = self.money_in()?;
        Ok((amount_minor > 0).then(|| Mutation {
            mutation_id: MutationId(at as u64),
            amount_minor,
            day,
            description: self.description.clone().into_owned(),
            counterparty: self.counterparty().to_owned(),
        }))
    }

    /// Who paid as matchers know it.
    pub(crate) fn payer(&self) -> String {
        kasir_matching::payer_key(&self.description, self.counterparty())
    }

    fn counterparty(&self) -> &str {
        self.counterparty.as_ref().map_or("", |text| &text.0)
    }

    fn is_pending(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.0 == "PENDING")
    }

    /// How much came in and is posted; 0 for money out and for what is pending.
    fn money_in(&self) -> Result<i64, String> {
        if self.amount_minor.checked_abs().is_none_or(|amount| amount > AMOUNT_MAX) {
            return Err(format!("amount_minor is more than {AMOUNT_MAX}"));
        }
        let posted = match self.status.as_ref().map(|status| &*status.0) {
            None | Some("POSTED") => true,
            Some("PENDING") => false,
            Some(other) => return Err(format!("{other} is no status (POSTED, PENDING)")),
        };
        let incoming = match self.direction.as_ref().map(|direction| &*direction.0) {
            None => self.amount_minor > 0,
            Some(direction @ ("IN" | "CR")) if self.amount_minor < 0 => {
                return Err(format!(
                    "an amount below 0 is not {direction}: give money out without a direction"
                ));
            }
            Some("IN" | "CR") => true,
            Some("OUT" | "DB" | "DR") => false,
            Some(other) => return Err(format!("{other} is no direction (IN, OUT, CR, DB)")),
        };
        Ok(if posted && incoming { self.amount_minor } else { 0 })
    }
}

/// Milliseconds since 1970 of an RFC 3339 time.
fn time_ms(time: &str) -> Result<i64, String> {
    let parsed = Timestamp::from_str(time).map_err(|_| format!("{time} is no RFC 3339 time"))?;
    Ok(parsed.seconds * 1_000 + i64::from(parsed.nanos) / 1_000_000)
}

/// Days since 1970 of "YYYY-MM-DD".
fn day(date: &str) -> Result<i32, String> {
    let wrong = || format!("{date} is no date (YYYY-MM-DD)");
    let parsed = Timestamp::from_str(&format!("{date}T00:00:00Z")).map_err(|_| wrong())?;
    i32::try_from(parsed.seconds.div_euclid(DAY_S)).map_err(|_| wrong())
}

#[derive(Debug, Serialize)]
struct Allocated<'a> {
    order_id: &'a Id<'a>,
    amount_minor: i64,
    write_off_minor: i64,
}

#[derive(Debug, Serialize)]
struct Candidate<'a> {
    order_ids: Vec<&'a Id<'a>>,
    score: i64,
}

/// One line out. Score and margin are thousandths of a nat.
#[derive(Debug, Serialize)]
pub(crate) struct MatchLine<'a> {
    mutation_id: &'a Id<'a>,
    decision: &'static str,
    allocations: Vec<Allocated<'a>>,
    joined: Vec<&'a Id<'a>>,
    score: i64,
    margin: i64,
    reasons: Vec<String>,
    candidates: Vec<Candidate<'a>>,
    cut: bool,
}

impl<'a> MatchLine<'a> {
    pub(crate) fn decided(
        line: &'a MutationLine<'a>,
        decision: &Decision,
        orders: &'a [OrderLine<'a>],
        mutations: &'a [MutationLine<'a>],
    ) -> Self {
        let order = |id: OrderId| &orders[place(id.0)].order_id;
        let allocations = decision.allocations.iter().map(|allocation| Allocated {
            order_id: order(allocation.order_id),
            amount_minor: allocation.amount_minor,
            write_off_minor: allocation.write_off_minor,
        });
        let candidates = decision.candidates.iter().map(|candidate| Candidate {
            order_ids: candidate.order_ids.iter().copied().map(order).collect(),
            score: candidate.score_millinats,
        });
        Self {
            mutation_id: &line.mutation_id,
            decision: match decision.verdict {
                Verdict::Auto => "AUTO",
                Verdict::Suggested => "SUGGESTED",
                Verdict::Ambiguous => "AMBIGUOUS",
                Verdict::None => "NONE",
            },
            allocations: allocations.collect(),
            joined: decision.joined.iter().map(|id| &mutations[place(id.0)].mutation_id).collect(),
            score: decision.score_millinats,
            margin: decision.margin_millinats,
            reasons: decision.reasons.iter().map(|reason| reason.words(|id| order(id).to_string())).collect(),
            candidates: candidates.collect(),
            cut: decision.cut,
        }
    }

    /// Of a mutation that no matcher was asked about.
    pub(crate) fn not_matched(line: &'a MutationLine<'a>) -> Self {
        let words = if line.is_pending() {
            "It is pending: the bank has not posted it."
        } else if line.amount_minor == 0 {
            "No money moved."
        } else {
            "It is money out."
        };
        Self {
            mutation_id: &line.mutation_id,
            decision: "NONE",
            allocations: Vec::new(),
            joined: Vec::new(),
            score: 0,
            margin: 0,
            reasons: vec![words.into()],
            candidates: Vec::new(),
            cut: false,
        }
    }
}

/// Ids within the matchers are places in the files.
pub(crate) fn place(id: u64) -> usize {
    usize::try_from(id).expect("made of a place")
}
