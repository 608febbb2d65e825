//! Totals per day, kept with every event, so that a report costs the same after ten orders and after ten million.

use crate::kv::{Fault, Key, State};
use crate::money::Currency;
use crate::records::Settings;
use crate::states::{Channel, TenderKind};
use crate::stock::{fixed, numbers};
use crate::tables::Table;

const DAY_MS: i64 = 86_400_000;

/// What is counted; the numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    DropOrdersRequested = 1,
    DropOrdersHandedOver = 2,
    DropOrdersRejected = 3,
    DropOrdersCancelled = 4,
    DropOrdersReturned = 5,
    OrdersBooked = 6,
    OrdersCancelled = 7,
    OrdersExpired = 8,
    OrdersPaid = 9,
    OrdersRebooked = 10,
    OrderSales = 11,
    TillSales = 12,
    Tax = 13,
    Discounts = 14,
    Shipping = 15,
    Payments = 16,
    PaymentsUndone = 17,
    RefundsDue = 18,
    Refunded = 19,
    UnitsSold = 20,
    UnitsReceived = 21,
    UnitsAdjusted = 22,
    LabelsPrinted = 23,
    AirwayBillsAssigned = 24,
    ParcelsHandedOver = 25,
    ParcelsDelivered = 26,
    CashDifference = 27,
    TendersCash = 28,
    TendersCard = 29,
    TendersQr = 30,
    TendersTransfer = 31,
    TendersPoints = 32,
    TendersCredit = 33,
    TendersExternal = 34,
    CashIn = 35,
    CashOut = 36,
    UniqueCodes = 37,
    UnitsTransferred = 38,
    LatePayments = 39,
    WriteOffs = 40,
    Credits = 41,
    SalesRefunded = 42,
    TaxRefunded = 43,
    DiscountsRefunded = 44,
    UnitsRefunded = 45,
    RefundsCash = 46,
    RefundsCard = 47,
    RefundsQr = 48,
    RefundsTransfer = 49,
    RefundsPoints = 50,
    RefundsCredit = 51,
    RefundsExternal = 52,
}

impl Metric {
    /// What till sales take by one kind of tender.
    pub const fn of_tender(kind: TenderKind) -> Self {
        match kind {
            TenderKind::Cash => Self::TendersCash,
            TenderKind::Card => Self::TendersCard,
            TenderKind::Qr => Self::TendersQr,
            TenderKind::Transfer => Self::TendersTransfer,
            TenderKind::Points => Self::TendersPoints,
            TenderKind::Credit => Self::TendersCredit,
            TenderKind::External => Self::TendersExternal,
        }
    }

    /// What refunds of till sales give back by one kind of tender.
    pub const fn of_refund(kind: TenderKind) -> Self {
        match kind {
            TenderKind::Cash => Self::RefundsCash,
            TenderKind::Card => Self::RefundsCard,
            TenderKind::Qr => Self::RefundsQr,
            TenderKind::Transfer => Self::RefundsTransfer,
            TenderKind::Points => Self::RefundsPoints,
            TenderKind::Credit => Self::RefundsCredit,
            TenderKind::External => Self::RefundsExternal,
        }
    }
}

/// What a group of totals is about; the numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    All = 1,
    Location = 2,
    Cashier = 3,
    Channel = 4,
}

/// The group keys an event counts under, beside "all". An order with lines from several locations counts under its first
/// line's; what its sale comes to is counted line by line (see `evolve::sales`), so that locations add up to all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Under<'a> {
    /// The location; 0 for none.
    pub(crate) location: u64,
    /// Who did it; empty for the clock.
    pub(crate) cashier: &'a str,
    /// The channel.
    pub(crate) channel: Option<Channel>,
}

/// Day of the shop's time zone as yyyymmdd. Proleptic Gregorian, from days since 1970 (Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`).
pub fn day_number(now_ms: i64, utc_offset_ms: i64) -> u32 {
    let shifted = (now_ms + utc_offset_ms).div_euclid(DAY_MS) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    u32::try_from(year * 10_000 + month * 100 + day).unwrap_or(0)
}

/// The key of one total.
pub fn total_key(day: u32, dimension: Dimension, key: &str, currency: Currency, metric: Metric) -> Key {
    Key::new().u32(day).u8(dimension as u8).text(key).bytes(currency.code().as_bytes()).u8(metric as u8)
}

/// One total as it is kept.
///
/// A count grows by at most a million units a line, so that no day's lines come near to its end. An amount is 128 bits wide:
/// ten thousand of the largest orders are more than 64 bits hold, and neither an order nor the clock that ends it may be
/// held up because of a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// How many, or units.
    pub count: i64,
    /// Of how much money.
    pub amount_minor: i128,
}

impl Total {
    /// Reads a value of the table: count and amount, the amount of 8 bytes, or of 16 where 8 do not hold it.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] when it is neither.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        match bytes.len() {
            16 => {
                let [count, amount] = numbers(bytes)?;
                Ok(Self { count, amount_minor: i128::from(amount) })
            }
            24 => {
                let [count, high, low] = numbers(bytes)?;
                let low = u128::from(low.cast_unsigned()).cast_signed();
                Ok(Self { count, amount_minor: (i128::from(high) << 64) | low })
            }
            other => Err(Fault::Corrupt(format!("a total of {other} bytes"))),
        }
    }

    /// The value of the table; the same total always has the same bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        match i64::try_from(self.amount_minor) {
            Ok(amount) => fixed([self.count, amount]),
            Err(_) => [self.count.to_be_bytes().as_slice(), &self.amount_minor.to_be_bytes()].concat(),
        }
    }
}

/// The name of a channel in keys, the contract's without prefix.
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Chat => "CHAT",
        Channel::Phone => "PHONE",
        Channel::Email => "EMAIL",
        Channel::Web => "WEB",
        Channel::Marketplace => "MARKETPLACE",
        Channel::WalkIn => "WALK_IN",
        Channel::Till => "TILL",
    }
}

/// One day's book for one event: adds counts and amounts under every group the event belongs to.
pub(crate) struct Book<'a> {
    pub(crate) day: u32,
    pub(crate) currency: Currency,
    pub(crate) under: Under<'a>,
}

impl<'a> Book<'a> {
    /// The book of now, in the shop's time zone.
    pub(crate) fn open(
        state: &dyn State,
        now_ms: i64,
        currency: Option<Currency>,
        under: Under<'a>,
    ) -> Result<Self, Fault> {
        let settings = Settings::load(state.view())?;
        let currency = currency.unwrap_or(settings.currency);
        Ok(Self { day: day_number(now_ms, settings.utc_offset_ms), currency, under })
    }

    /// Adds to one metric; adding nothing writes nothing.
    pub(crate) fn add(
        &self,
        state: &mut dyn State,
        metric: Metric,
        count: i64,
        amount: i64,
    ) -> Result<(), Fault> {
        self.add_at(state, metric, &[(self.under.location, count, amount)])
    }

    /// The same for what several locations have a part in: each counts its own, everything else their sum.
    pub(crate) fn add_at(
        &self,
        state: &mut dyn State,
        metric: Metric,
        parts: &[(u64, i64, i64)],
    ) -> Result<(), Fault> {
        let count = parts.iter().map(|(_, count, _)| count).sum();
        let amount = parts.iter().map(|(_, _, amount)| amount).sum();
        for (location, count, amount) in parts.iter().filter(|(location, _, _)| *location != 0) {
            self.add_to(state, Dimension::Location, &location.to_string(), metric, *count, *amount)?;
        }
        self.add_to(state, Dimension::All, "", metric, count, amount)?;
        if !self.under.cashier.is_empty() {
            self.add_to(state, Dimension::Cashier, self.under.cashier, metric, count, amount)?;
        }
        if let Some(channel) = self.under.channel {
            self.add_to(state, Dimension::Channel, channel_name(channel), metric, count, amount)?;
        }
        Ok(())
    }

    fn add_to(
        &self,
        state: &mut dyn State,
        dimension: Dimension,
        key: &str,
        metric: Metric,
        count: i64,
        amount: i64,
    ) -> Result<(), Fault> {
        if count == 0 && amount == 0 {
            return Ok(());
        }
        let key = total_key(self.day, dimension, key, self.currency, metric);
        let mut total = match state.get(Table::Totals, key.as_slice())? {
            Some(bytes) => Total::from_bytes(&bytes)?,
            None => Total::default(),
        };
        total.count += count;
        total.amount_minor += i128::from(amount);
        state.put(Table::Totals, key.as_slice(), &total.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::HOUR_MS;

    #[test]
    fn a_total_keeps_what_64_bits_do_not_hold() {
        let edge = i128::from(i64::MAX);
        for amount_minor in
            [0, 1, -1, edge, edge + 1, -edge - 1, -edge - 2, edge * 1_000_000, -edge * 1_000_000]
        {
            let total = Total { count: -3, amount_minor };
            assert_eq!(Total::from_bytes(&total.to_bytes()), Ok(total), "{amount_minor}");
            let width = if i64::try_from(amount_minor).is_ok() { 16 } else { 24 };
            assert_eq!(total.to_bytes().len(), width, "{amount_minor}");
        }
        assert!(Total::from_bytes(&[0; 8]).is_err());
    }

    #[test]
    fn days_begin_at_the_shops_midnight() {
        assert_eq!(day_number(0, 0), 19_700_101);
        assert_eq!(day_number(-1, 0), 19_691_231);
        let before_midnight_in_jakarta = 1_767_200_399_999; // 2025-12-31T16:59:59.999Z
        assert_eq!(day_number(before_midnight_in_jakarta, 7 * HOUR_MS), 20_251_231);
        assert_eq!(day_number(before_midnight_in_jakarta + 1, 7 * HOUR_MS), 20_260_101);
        assert_eq!(day_number(951_782_400_000, 0), 20_000_229);
    }
}
