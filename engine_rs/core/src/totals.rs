//! Totals per day, kept with every event, so that a report costs the same after ten orders and after ten million.

use crate::kv::{Fault, Key, State};
use crate::money::Currency;
use crate::records::Settings;
use crate::states::Channel;
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
}

/// What a group of totals is about; the numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    All = 1,
    Location = 2,
    Cashier = 3,
    Channel = 4,
}

/// The group keys an event counts under, beside "all".
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
        if count == 0 && amount == 0 {
            return Ok(());
        }
        self.add_to(state, Dimension::All, "", metric, count, amount)?;
        if self.under.location != 0 {
            self.add_to(state, Dimension::Location, &self.under.location.to_string(), metric, count, amount)?;
        }
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
        let key = total_key(self.day, dimension, key, self.currency, metric);
        let [old_count, old_amount] = match state.get(Table::Totals, key.as_slice())? {
            Some(bytes) => numbers(&bytes)?,
            None => [0, 0],
        };
        let overflow = || Fault::Corrupt("a day's total overflows".into());
        let count = old_count.checked_add(count).ok_or_else(overflow)?;
        let amount = old_amount.checked_add(amount).ok_or_else(overflow)?;
        state.put(Table::Totals, key.as_slice(), &fixed([count, amount]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::HOUR_MS;

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
