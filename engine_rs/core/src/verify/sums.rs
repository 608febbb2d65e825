//! What the records add up to, to be compared with the balances and totals that are kept.
//!
//! Sums are 128 bits wide: a store that is not sound may hold any number.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CustomerId, ItemId, LocationId, ParcelId, PrintJobId, ShiftId};
use crate::money::Currency;
use crate::open_money::{Open, OpenKind};
use crate::records::{Refund, Sale, TenderTotal};
use crate::states::TenderKind;
use crate::totals::Metric;

/// An item at a location.
pub(super) type Place = (ItemId, LocationId);

/// Sums over all records.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Units claimed.
    pub(super) claimed: BTreeMap<Place, i128>,
    /// Units that Drop Orders have put on a CS desk.
    pub(super) on_desk: BTreeMap<Place, i128>,
    /// Units sold.
    pub(super) sold: BTreeMap<ItemId, i128>,
    /// What each customer should have.
    pub(super) customers: BTreeMap<CustomerId, Owed>,
    /// How often each payer paid for each customer, by the key it is kept under.
    pub(super) payers: BTreeMap<Vec<u8>, i64>,
    /// What each shift should have counted.
    pub(super) shifts: BTreeMap<ShiftId, Counted>,
    /// Parcels with a label job that is not settled.
    pub(super) labels_under_way: BTreeSet<ParcelId>,
    /// Of first prints, the number of the last copy: kept, and of the copies' jobs.
    pub(super) copies: BTreeMap<PrintJobId, [i32; 2]>,
    /// The number of the last copy of each parcel's label.
    pub(super) label_copies: BTreeMap<ParcelId, i32>,
    /// How often each parcel's label was printed.
    pub(super) labels_printed: BTreeMap<ParcelId, i128>,
    /// What the reports' counts should come to, over all days.
    pub(super) counts: BTreeMap<Metric, i128>,
    /// What the reports' amounts should come to, over all days.
    pub(super) amounts: BTreeMap<(Metric, Currency), i128>,
    /// Count and amount of what stands open.
    pub(super) open: BTreeMap<(OpenKind, Currency), [i128; 2]>,
    /// Count and amount of sales by location, over all days.
    pub(super) located: BTreeMap<(Metric, Currency, LocationId), [i128; 2]>,
}

/// Points and credit of a customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) points: i128,
    pub(super) credit: i128,
}

/// What a shift's sales and refunds come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) sales: i128,
    pub(super) total: i128,
    pub(super) tax: i128,
    pub(super) discount: i128,
    pub(super) tenders: BTreeMap<TenderKind, (i128, i128)>,
    pub(super) refunds: i128,
    pub(super) refunded: i128,
    pub(super) refunded_tax: i128,
    pub(super) refund_tenders: BTreeMap<TenderKind, (i128, i128)>,
}

impl Sums {
    pub(super) fn claim(&mut self, item_id: ItemId, location_id: LocationId, quantity: i64) {
        *self.claimed.entry((item_id, location_id)).or_default() += i128::from(quantity);
    }

    /// Adds to what a report's metric should come to.
    pub(super) fn count(&mut self, metric: Metric, count: i128) {
        *self.counts.entry(metric).or_default() += count;
    }

    /// Adds an amount to what a report's metric should come to.
    pub(super) fn amount(&mut self, metric: Metric, currency: Currency, amount: i128) {
        *self.amounts.entry((metric, currency)).or_default() += amount;
    }

    /// Adds what a record has open.
    pub(super) fn open(&mut self, open: Option<Open>) {
        if let Some(Open { kind, currency, amount_minor }) = open {
            let sum = self.open.entry((kind, currency)).or_default();
            sum[0] += 1;
            sum[1] += i128::from(amount_minor);
        }
    }

    /// Adds a sale to what the reports of its lines' locations should say: it counts once, at its first line's.
    pub(super) fn locate_sale(&mut self, sale: &Sale, metric: Metric) {
        let totals = &sale.totals;
        if let Some(first) = sale.lines.first() {
            let mut once = |metric, counts: bool, amount: i64| {
                let sum = self.located.entry((metric, sale.currency, first.location_id)).or_default();
                sum[0] += i128::from(counts);
                sum[1] += i128::from(amount);
            };
            once(metric, true, totals.shipping_minor);
            once(Metric::Tax, totals.tax_minor != 0, 0);
            once(Metric::Discounts, totals.discount_minor != 0, 0);
            once(Metric::Shipping, totals.shipping_minor != 0, totals.shipping_minor);
        }
        for line in &sale.lines {
            let mut add = |metric, units: i64, amount: i64| {
                let sum = self.located.entry((metric, sale.currency, line.location_id)).or_default();
                sum[0] += i128::from(units);
                sum[1] += i128::from(amount);
            };
            add(metric, 0, line.total_minor);
            add(Metric::Tax, 0, line.tax_minor);
            add(Metric::Discounts, 0, line.discount_minor);
            add(Metric::UnitsSold, line.quantity, 0);
        }
    }

    /// Adds a refund to what its shift should have counted.
    pub(super) fn count_refund(&mut self, refund: &Refund) {
        let shift = self.shifts.entry(refund.shift_id).or_default();
        shift.refunds += 1;
        shift.refunded += i128::from(refund.totals.total_minor);
        shift.refunded_tax += i128::from(refund.totals.tax_minor);
        for tender in &refund.tenders {
            let (count, amount) = shift.refund_tenders.entry(tender.kind).or_default();
            *count += 1;
            *amount += i128::from(tender.amount_minor);
        }
    }

    /// Adds a refund to what the reports should say, and those of its location.
    pub(super) fn report_refund(&mut self, refund: &Refund) {
        let (totals, currency) = (&refund.totals, refund.currency);
        let units = sum(refund.lines.iter().map(|line| line.goods.quantity));
        for (metric, count, amount) in [
            (Metric::SalesRefunded, 1, totals.total_minor),
            (Metric::TaxRefunded, i128::from(totals.tax_minor != 0), totals.tax_minor),
            (Metric::DiscountsRefunded, i128::from(totals.discount_minor != 0), totals.discount_minor),
            (Metric::UnitsRefunded, units, 0),
        ] {
            self.count(metric, count);
            self.amount(metric, currency, i128::from(amount));
            let located = self.located.entry((metric, currency, refund.location_id)).or_default();
            located[0] += count;
            located[1] += i128::from(amount);
        }
        for tender in &refund.tenders {
            let metric = Metric::of_refund(tender.kind);
            self.count(metric, 1);
            self.amount(metric, currency, i128::from(tender.amount_minor));
        }
    }

    /// Adds a sale to what its shift should have counted.
    pub(super) fn count_sale(&mut self, sale: &Sale) {
        let shift = self.shifts.entry(sale.shift_id).or_default();
        shift.sales += 1;
        shift.total += i128::from(sale.totals.total_minor);
        shift.tax += i128::from(sale.totals.tax_minor);
        shift.discount += i128::from(sale.totals.discount_minor);
        for tender in &sale.tenders {
            let (count, amount) = shift.tenders.entry(tender.kind).or_default();
            *count += 1;
            *amount += i128::from(tender.amount_minor);
        }
        if sale.change_minor != 0 {
            shift.tenders.entry(TenderKind::Cash).or_default().1 -= i128::from(sale.change_minor);
        }
    }
}

impl Counted {
    /// Kept totals per kind of tender in the same form; a kind that stands twice is added up.
    pub(super) fn tenders_of(kept: &[TenderTotal]) -> BTreeMap<TenderKind, (i128, i128)> {
        let mut tenders: BTreeMap<TenderKind, (i128, i128)> = BTreeMap::new();
        for tender in kept {
            let (count, amount) = tenders.entry(tender.kind).or_default();
            *count += i128::from(tender.count);
            *amount += i128::from(tender.amount_minor);
        }
        tenders
    }
}

/// Sum of amounts, exact.
pub(super) fn sum(amounts: impl IntoIterator<Item = i64>) -> i128 {
    amounts.into_iter().map(i128::from).sum()
}
