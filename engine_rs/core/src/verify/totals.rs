//! Totals of reports: what was counted event by event is what the records come to.
//!
//! Some totals count events that leave no trace in a record (a cancelled order paid late, say). Those compared here are
//! the ones that records prove.

use std::collections::{BTreeMap, BTreeSet};

use super::sums::Sums;
use super::{Audit, hex};
use crate::ids::LocationId;
use crate::kv::{Fault, Key};
use crate::money::Currency;
use crate::open_money::{OpenKind, open_of_key};
use crate::query::{TotalOf, total_of_key};
use crate::tables::Table;
use crate::totals::{Dimension, Metric, Total};

/// Metrics whose counts over all days are a count of records or of units.
const COUNTED: [Metric; 32] = [
    Metric::DropOrdersRequested,
    Metric::DropOrdersRejected,
    Metric::DropOrdersCancelled,
    Metric::DropOrdersReturned,
    Metric::OrdersBooked,
    Metric::OrdersCancelled,
    Metric::OrdersExpired,
    Metric::OrdersPaid,
    Metric::OrderSales,
    Metric::TillSales,
    Metric::Refunded,
    Metric::UnitsSold,
    Metric::UnitsReceived,
    Metric::UnitsAdjusted,
    Metric::LabelsPrinted,
    Metric::AirwayBillsAssigned,
    Metric::ParcelsHandedOver,
    Metric::ParcelsDelivered,
    Metric::CashDifference,
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

/// Metrics whose amounts over all days are a sum of records.
const SUMMED: [Metric; 31] = [
    Metric::OrdersBooked,
    Metric::OrdersExpired,
    Metric::OrderSales,
    Metric::TillSales,
    Metric::Tax,
    Metric::Discounts,
    Metric::Shipping,
    Metric::Payments,
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
    Metric::WriteOffs,
    Metric::Credits,
    Metric::SalesRefunded,
    Metric::TaxRefunded,
    Metric::DiscountsRefunded,
    Metric::RefundsCash,
    Metric::RefundsCard,
    Metric::RefundsQr,
    Metric::RefundsTransfer,
    Metric::RefundsPoints,
    Metric::RefundsCredit,
    Metric::RefundsExternal,
];

/// Metrics that sales and refunds prove for each location.
const OF_LOCATIONS: [Metric; 10] = [
    Metric::OrderSales,
    Metric::TillSales,
    Metric::Tax,
    Metric::Discounts,
    Metric::Shipping,
    Metric::UnitsSold,
    Metric::SalesRefunded,
    Metric::TaxRefunded,
    Metric::DiscountsRefunded,
    Metric::UnitsRefunded,
];

/// Metrics of which every event has a channel.
const OF_CHANNELS: [Metric; 4] =
    [Metric::OrdersBooked, Metric::OrderSales, Metric::TillSales, Metric::SalesRefunded];

/// Kept totals as they are read.
#[derive(Default)]
struct Kept {
    counts: BTreeMap<Metric, i128>,
    amounts: BTreeMap<(Metric, Currency), i128>,
    located: BTreeMap<(Metric, Currency, LocationId), [i128; 2]>,
    day: u32,
    /// Everything less channels, of one day.
    open: BTreeMap<(Metric, Currency), [i128; 2]>,
}

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    let mut kept = Kept::default();
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::Totals, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let (Ok(of), Ok(total)) = (total_of_key(key), Total::from_bytes(value)) else {
            audit.broken(format!("totals has a row of a wrong form: {}.", hex(key)));
            return Ok(true);
        };
        if of.day != kept.day {
            kept.close_day(audit);
            kept.day = of.day;
        }
        kept.add(&of, [i128::from(total.count), total.amount_minor]);
        Ok(true)
    })?;
    kept.close_day(audit);
    compare(audit, &kept);
    open(audit)
}

/// What is kept as open is what records have open.
fn open(audit: &mut Audit<'_>) -> Result<(), Fault> {
    let mut wanted = std::mem::take(&mut audit.sums.open);
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::OpenMoney, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let (Ok(of), Ok(total)) = (open_of_key(key), Total::from_bytes(value)) else {
            audit.broken(format!("open_money has a row of a wrong form: {}.", hex(key)));
            return Ok(true);
        };
        let found = [i128::from(total.count), total.amount_minor];
        let expected = wanted.remove(&of).unwrap_or_default();
        audit.demand(found == expected && found != [0, 0], || told(of, found, expected));
        Ok(true)
    })?;
    for (of, expected) in wanted {
        audit.broken(told(of, [0, 0], expected));
    }
    Ok(())
}

fn told((kind, currency): (OpenKind, Currency), found: [i128; 2], expected: [i128; 2]) -> String {
    format!("Open money: {kind:?} in {} is {found:?}; records come to {expected:?}.", currency.code())
}

impl Kept {
    fn add(&mut self, of: &TotalOf, [count, amount]: [i128; 2]) {
        let per_currency = (of.metric, of.currency);
        let sign = match of.dimension {
            Dimension::All => {
                *self.counts.entry(of.metric).or_default() += count;
                let (metric, taken_back) = match of.metric {
                    Metric::PaymentsUndone => (Metric::Payments, -amount),
                    metric => (metric, amount),
                };
                *self.amounts.entry((metric, of.currency)).or_default() += taken_back;
                1
            }
            Dimension::Channel => -1,
            Dimension::Location => {
                if OF_LOCATIONS.contains(&of.metric) {
                    let location_id = LocationId(of.key.parse().unwrap_or(0));
                    let sum = self.located.entry((of.metric, of.currency, location_id)).or_default();
                    sum[0] += count;
                    sum[1] += amount;
                }
                return;
            }
            Dimension::Cashier => return,
        };
        if OF_CHANNELS.contains(&of.metric) {
            let open = self.open.entry(per_currency).or_default();
            open[0] += sign * count;
            open[1] += sign * amount;
        }
    }

    /// What all sales and bookings of a day come to is what its channels come to.
    fn close_day(&mut self, audit: &mut Audit<'_>) {
        let day = self.day;
        for ((metric, currency), open) in std::mem::take(&mut self.open) {
            audit.demand(open == [0, 0], || {
                format!("Totals of {day}: {metric:?} in {} is not the sum of its channels.", currency.code())
            });
        }
    }
}

fn compare(audit: &mut Audit<'_>, kept: &Kept) {
    let open = std::mem::take(&mut audit.sums.open);
    let sums = std::mem::replace(&mut audit.sums, Sums { open, ..Sums::default() });
    for metric in COUNTED {
        let expected = sums.counts.get(&metric).copied().unwrap_or(0);
        let found = kept.counts.get(&metric).copied().unwrap_or(0);
        audit.demand(found == expected, || {
            format!("Totals: {metric:?} counts {found}; records come to {expected}.")
        });
    }
    let of_sums = sums.amounts.keys().chain(kept.amounts.keys());
    let wanted: BTreeSet<_> = of_sums.filter(|(metric, _)| SUMMED.contains(metric)).copied().collect();
    for key in wanted {
        let expected = sums.amounts.get(&key).copied().unwrap_or(0);
        let found = kept.amounts.get(&key).copied().unwrap_or(0);
        let (metric, currency) = key;
        audit.demand(found == expected, || {
            format!("Totals: {metric:?} in {} is {found}; records come to {expected}.", currency.code())
        });
    }
    let places: BTreeSet<_> = sums.located.keys().chain(kept.located.keys()).copied().collect();
    for place in places {
        let expected = sums.located.get(&place).copied().unwrap_or_default();
        let found = kept.located.get(&place).copied().unwrap_or_default();
        let (metric, currency, location_id) = place;
        audit.demand(found == expected, || {
            let currency = currency.code();
            format!("Totals: {metric:?} in {currency} at location {location_id} is {found:?}; sales come to {expected:?}.")
        });
    }
}
