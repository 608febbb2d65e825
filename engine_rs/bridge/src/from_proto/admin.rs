//! Settings.

use kasir_core::Refusal;
use kasir_core::command::{Command, SettingsInput};

use super::{commands, span_ms};
use crate::contract as pb;

commands! {
    UpdateSettingsRequest => |request| Command::UpdateSettings(request.settings.unwrap_or_default().try_into()?);
}

impl TryFrom<pb::Settings> for SettingsInput {
    type Error = Refusal;

    fn try_from(settings: pb::Settings) -> Result<Self, Refusal> {
        Ok(Self {
            shop_name: settings.shop_name,
            shop_address: settings.shop_address,
            currency_code: settings.currency_code,
            utc_offset_ms: span_ms(settings.utc_offset, format_args!("settings.utc_offset"))?,
            booking_duration_ms: span_ms(
                settings.booking_duration,
                format_args!("settings.booking_duration"),
            )?,
            hold_duration_ms: span_ms(settings.hold_duration, format_args!("settings.hold_duration"))?,
            payable_cooldown_ms: span_ms(
                settings.payable_cooldown,
                format_args!("settings.payable_cooldown"),
            )?,
            reminder_before_ms: span_ms(settings.reminder_before, format_args!("settings.reminder_before"))?,
            points_per_minor: settings.points_per_minor_units,
            point_value_minor: settings.point_value_minor_units,
            version: settings.version,
        })
    }
}
