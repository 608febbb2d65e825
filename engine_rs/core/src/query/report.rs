//! Day and month reports, read from the totals kept with every event.

use std::collections::BTreeMap;

use crate::kv::{Fault, Key, View};
use crate::money::Currency;
use crate::open_money::{OpenKind, open_of_key};
use crate::records::Settings;
use crate::refusal::{Outcome, Reason, Refusal};
use crate::tables::Table;
use crate::text::is_date;
use crate::totals::{Dimension, Metric, Total, day_number};

/// Most totals summed for one report: 31 days of a thousand groups with a few metrics each.
const ROWS_MAX: usize = 200_000;
/// Most groups of one report, so that its message stays small enough to send.
const GROUPS_MAX: usize = 5_000;

/// One number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricTotal {
    /// What is counted.
    pub metric: Metric,
    /// How many, or units.
    pub count: i64,
    /// Of how much money in the group's currency; `None` where money means nothing.
    pub amount_minor: Option<i64>,
}

/// The totals of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportGroup {
    /// What the group is about.
    pub dimension: Dimension,
    /// Which one of it; empty for all.
    pub key: String,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Those that are not zero, by metric.
    pub totals: Vec<MetricTotal>,
}

/// Totals of a day or a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The day "YYYY-MM-DD" or the month "YYYY-MM".
    pub period: String,
    /// All first, then locations by id, cashiers by name, channels by name.
    pub groups: Vec<ReportGroup>,
}

/// What a total is about, read from its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TotalOf {
    pub(crate) day: u32,
    pub(crate) dimension: Dimension,
    pub(crate) key: String,
    pub(crate) currency: Currency,
    pub(crate) metric: Metric,
}

/// Reads the key of a total, see [`total_key`](crate::totals::total_key).
pub(crate) fn total_of_key(key: &[u8]) -> Result<TotalOf, Fault> {
    let read = || {
        let (head, rest) = key.split_at_checked(6)?;
        let (text, tail) = rest.split_at_checked(rest.len().checked_sub(5)?)?;
        let [0, code @ .., metric] = tail else { return None };
        Some(TotalOf {
            day: u32::from_be_bytes(head[1..5].try_into().ok()?),
            dimension: Dimension::ALL.iter().copied().find(|dimension| *dimension as u8 == head[5])?,
            key: String::from_utf8(text.to_vec()).ok()?,
            currency: Currency::parse(std::str::from_utf8(code).ok()?)?,
            metric: Metric::ALL.iter().copied().find(|known| *known as u8 == *metric)?,
        })
    };
    read().ok_or_else(|| Fault::Corrupt(format!("a total of no known kind, key {key:?}")))
}

/// The report of a day "YYYY-MM-DD" of the shop's time zone; empty is today.
pub fn day_report(view: &dyn View, date: &str, now_ms: i64) -> Outcome<Report> {
    let period = if date.is_empty() { today(view, now_ms)? } else { date.to_string() };
    let day = period_number(&period, "date", is_date(&period), "A date is written like 2026-11-23.")?;
    report(view, period, day, day)
}

/// The report of a month "YYYY-MM" of the shop's time zone, the sum of its days; empty is this month.
pub fn month_report(view: &dyn View, month: &str, now_ms: i64) -> Outcome<Report> {
    let mut period = if month.is_empty() { today(view, now_ms)? } else { month.to_string() };
    if month.is_empty() {
        period.truncate("YYYY-MM".len());
    }
    let real = is_date(&format!("{period}-01"));
    let number = period_number(&period, "month", real, "A month is written like 2026-11.")?;
    report(view, period, number * 100 + 1, number * 100 + 31)
}

fn today(view: &dyn View, now_ms: i64) -> Result<String, Fault> {
    let day = day_number(now_ms, Settings::load(view)?.utc_offset_ms);
    Ok(format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100))
}

/// The digits of a period: yyyymmdd or yyyymm.
fn period_number(period: &str, field: &str, real: bool, message: &str) -> Outcome<u32> {
    match period.replace('-', "").parse() {
        Ok(number) if real => Ok(number),
        Ok(_) | Err(_) => Err(Refusal::field(Reason::FieldMalformed, field, message).into()),
    }
}

/// Count and amount, exact.
type Sum = [i128; 2];

/// Sorts ids as numbers: a shorter one first. Names are sorted as they are.
type GroupKey = (Dimension, usize, String, Currency);

fn report(view: &dyn View, period: String, first_day: u32, last_day: u32) -> Outcome<Report> {
    let mut sums: BTreeMap<GroupKey, BTreeMap<Metric, Sum>> = BTreeMap::new();
    let mut rows = 0;
    let mut overflow = false;
    let (from, to) = (Key::new().u32(first_day), Key::new().u32(last_day).end());
    view.scan(Table::Totals, from.as_slice(), to.as_slice(), &mut |key, value| {
        let of = total_of_key(key)?;
        let digits = if of.dimension == Dimension::Location { of.key.len() } else { 0 };
        let group = sums.entry((of.dimension, digits, of.key, of.currency)).or_default();
        let sum = group.entry(of.metric).or_default();
        let total = Total::from_bytes(value)?;
        sum[0] += i128::from(total.count);
        sum[1] += total.amount_minor;
        rows += 1;
        overflow = rows > ROWS_MAX || sums.len() > GROUPS_MAX;
        Ok(!overflow)
    })?;
    if overflow {
        // A part of the totals would look like all of them.
        let message = format!("The report of {period} has more groups than one reply takes.");
        return Err(Refusal::new(Reason::TooManyElements, message).into());
    }
    let mut groups = Vec::with_capacity(sums.len());
    for ((dimension, _, key, currency), sums) in sums {
        let mut totals = Vec::with_capacity(sums.len());
        for (metric, sum) in sums.into_iter().filter(|(_, sum)| *sum != [0, 0]) {
            totals.push(told(metric, sum, &period)?);
        }
        if !totals.is_empty() {
            groups.push(ReportGroup { dimension, key, currency, totals });
        }
    }
    Ok(Report { period, groups })
}

/// A total as the contract tells it. One that its numbers do not hold is refused: any other number would be a wrong one.
fn told(metric: Metric, [count, amount]: Sum, period: &str) -> Outcome<MetricTotal> {
    let (Ok(count), Ok(amount)) = (i64::try_from(count), i64::try_from(amount)) else {
        let message = format!("{metric:?} of {period} is {amount} minor units, more than a report can tell.");
        return Err(Refusal::new(Reason::AmountOutOfRange, message).into());
    };
    Ok(MetricTotal { metric, count, amount_minor: metric.has_amount().then_some(amount) })
}

/// What stands open of one kind, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMoney {
    /// Why.
    pub kind: OpenKind,
    /// Currency of the amount.
    pub currency: Currency,
    /// How many orders, customers or mutations.
    pub count: i64,
    /// How much money.
    pub amount_minor: i64,
}

/// What stands open now, by currency, then kind; what is nothing is left out.
pub fn open_money(view: &dyn View) -> Outcome<Vec<OpenMoney>> {
    let mut open = Vec::new();
    let mut beyond = None;
    let all = Key::new();
    view.scan(Table::OpenMoney, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        let (kind, currency) = open_of_key(key)?;
        let total = Total::from_bytes(value)?;
        match i64::try_from(total.amount_minor) {
            Ok(amount_minor) => open.push(OpenMoney { kind, currency, count: total.count, amount_minor }),
            Err(_) => beyond = Some((kind, total.amount_minor)),
        }
        Ok(true)
    })?;
    if let Some((kind, amount)) = beyond {
        let message = format!("{kind:?} is {amount} minor units, more than a report can tell.");
        return Err(Refusal::new(Reason::AmountOutOfRange, message).into());
    }
    open.sort_by_key(|each| (each.currency, each.kind));
    Ok(open)
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Metric] = &[
        Metric::DropOrdersRequested,
        Metric::DropOrdersHandedOver,
        Metric::DropOrdersRejected,
        Metric::DropOrdersCancelled,
        Metric::DropOrdersReturned,
        Metric::OrdersBooked,
        Metric::OrdersCancelled,
        Metric::OrdersExpired,
        Metric::OrdersPaid,
        Metric::OrdersRebooked,
        Metric::OrderSales,
        Metric::TillSales,
        Metric::Tax,
        Metric::Discounts,
        Metric::Shipping,
        Metric::Payments,
        Metric::PaymentsUndone,
        Metric::RefundsDue,
        Metric::Refunded,
        Metric::UnitsSold,
        Metric::UnitsReceived,
        Metric::UnitsAdjusted,
        Metric::LabelsPrinted,
        Metric::AirwayBillsAssigned,
        Metric::ParcelsHandedOver,
        Metric::ParcelsDelivered,
        Metric::CashDifference,
        Metric::TendersCash,
        Metric::TendersCard,
        Metric::TendersQr,
        Metric::TendersTransfer,
        Metric::TendersPoints,
        Metric::TendersCredit,
        Metric::TendersExternal,
        Metric::CashIn,
        Metric::CashOut,
        Metric::UniqueCodes,
        Metric::UnitsTransferred,
        Metric::LatePayments,
        Metric::WriteOffs,
        Metric::Credits,
        Metric::SalesRefunded,
        Metric::TaxRefunded,
        Metric::DiscountsRefunded,
        Metric::UnitsRefunded,
        Metric::RefundsCash,
        Metric::RefundsCard,
        Metric::RefundsQr,
        Metric::RefundsTransfer,
        Metric::RefundsPoints,
        Metric::RefundsCredit,
        Metric::RefundsExternal,
    ];

    /// Whether its amount of money means something.
    pub const fn has_amount(self) -> bool {
        match self {
            Self::OrdersBooked
            | Self::OrdersCancelled
            | Self::OrdersExpired
            | Self::OrdersPaid
            | Self::OrdersRebooked
            | Self::OrderSales
            | Self::TillSales
            | Self::Tax
            | Self::Discounts
            | Self::Shipping
            | Self::Payments
            | Self::PaymentsUndone
            | Self::RefundsDue
            | Self::Refunded
            | Self::CashDifference
            | Self::TendersCash
            | Self::TendersCard
            | Self::TendersQr
            | Self::TendersTransfer
            | Self::TendersPoints
            | Self::TendersCredit
            | Self::TendersExternal
            | Self::CashIn
            | Self::CashOut
            | Self::UniqueCodes
            | Self::LatePayments
            | Self::WriteOffs
            | Self::Credits
            | Self::SalesRefunded
            | Self::TaxRefunded
            | Self::DiscountsRefunded
            | Self::RefundsCash
            | Self::RefundsCard
            | Self::RefundsQr
            | Self::RefundsTransfer
            | Self::RefundsPoints
            | Self::RefundsCredit
            | Self::RefundsExternal => true,
            Self::DropOrdersRequested
            | Self::DropOrdersHandedOver
            | Self::DropOrdersRejected
            | Self::DropOrdersCancelled
            | Self::DropOrdersReturned
            | Self::UnitsSold
            | Self::UnitsReceived
            | Self::UnitsAdjusted
            | Self::UnitsTransferred
            | Self::UnitsRefunded
            | Self::LabelsPrinted
            | Self::AirwayBillsAssigned
            | Self::ParcelsHandedOver
            | Self::ParcelsDelivered => false,
        }
    }
}

impl Dimension {
    /// Every dimension.
    pub const ALL: &'static [Dimension] = &[Self::All, Self::Location, Self::Cashier, Self::Channel];
}
