//! The shop's settings.

use super::{Answer, Decided, check};
use crate::command::SettingsInput;
use crate::event::Event;
use crate::kv::View;
use crate::money::AMOUNT_MAX;
use crate::records::{HOUR_MS, Settings};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::tables::Table;

const MINUTE_MS: i64 = 60_000;

/// Replaces the settings.
pub(crate) fn update(view: &dyn View, input: &SettingsInput) -> Outcome<Decided> {
    let current = Settings::load(view)?;
    if current.version != input.version {
        return Err(Refusal::stale("the settings", 0, current.version, input.version)
            .with("field", "settings.version")
            .into());
    }
    let currency = check::currency("settings.currency_code", &input.currency_code)?;
    if currency != current.currency && anything_priced(view)? {
        let message = format!("The shop's currency stays {}: items have prices.", current.currency.code());
        return Err(Refusal::field(Reason::SettingFixed, "settings.currency_code", message).into());
    }
    if input.utc_offset_ms % MINUTE_MS != 0 {
        let message = "settings.utc_offset is in whole minutes.";
        return Err(Refusal::field(Reason::FieldOutOfRange, "settings.utc_offset", message).into());
    }
    let duration =
        |field: &str, value: i64, min: i64| check::range(field, value, min, check::DEADLINE_MAX_MS);
    let settings = Settings {
        shop_name: check::text("settings.shop_name", &input.shop_name, 100)?,
        shop_address: check::optional_text("settings.shop_address", &input.shop_address, 300)?,
        currency,
        utc_offset_ms: check::range("settings.utc_offset", input.utc_offset_ms, -12 * HOUR_MS, 14 * HOUR_MS)?,
        booking_duration_ms: duration("settings.booking_duration", input.booking_duration_ms, MINUTE_MS)?,
        hold_duration_ms: duration("settings.hold_duration", input.hold_duration_ms, MINUTE_MS)?,
        payable_cooldown_ms: duration("settings.payable_cooldown", input.payable_cooldown_ms, 0)?,
        reminder_before_ms: duration("settings.reminder_before", input.reminder_before_ms, 0)?,
        points_per_minor: check::range(
            "settings.points_per_minor_units",
            input.points_per_minor,
            0,
            AMOUNT_MAX,
        )?,
        point_value_minor: check::range(
            "settings.point_value_minor_units",
            input.point_value_minor,
            0,
            AMOUNT_MAX,
        )?,
        version: current.version + 1,
    };
    Ok(Decided::one(Event::SettingsUpdated(Box::new(settings)), Answer::Settings))
}

fn anything_priced(view: &dyn View) -> Outcome<bool> {
    let all = crate::kv::Key::new();
    let mut found = false;
    for table in [Table::Items, Table::Shifts, Table::Customers] {
        view.scan(table, all.as_slice(), all.end().as_slice(), &mut |_, _| {
            found = true;
            Ok(false)
        })?;
    }
    Ok(found)
}
