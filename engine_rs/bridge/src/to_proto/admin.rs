//! Settings.

use kasir_core::Reply;
use kasir_core::records::Settings;

use super::{responses, span};
use crate::contract as pb;

responses! {
    UpdateSettingsResponse = Reply::Settings(settings) => Self { settings: Some(settings.into()) };
}

impl From<Settings> for pb::Settings {
    fn from(settings: Settings) -> Self {
        Self {
            shop_name: settings.shop_name,
            shop_address: settings.shop_address,
            currency_code: settings.currency.code().to_owned(),
            utc_offset: span(settings.utc_offset_ms),
            booking_duration: span(settings.booking_duration_ms),
            hold_duration: span(settings.hold_duration_ms),
            payable_cooldown: span(settings.payable_cooldown_ms),
            reminder_before: span(settings.reminder_before_ms),
            points_per_minor_units: settings.points_per_minor,
            point_value_minor_units: settings.point_value_minor,
            version: settings.version,
        }
    }
}
