//! Checks of single fields: each refusal names the field as the contract spells it.

use std::fmt::Display;

use crate::command::MoneyInput;
use crate::money::{AMOUNT_MAX, Currency, Money, SUM_MAX};
use crate::records::Address;
use crate::refusal::{Outcome, Reason, Refusal};
use crate::text;

/// A field as the contract spells it; `format_args!` puts it together for a refusal only.
pub(crate) trait Field: Display + Copy {}

impl<T: Display + Copy> Field for T {}

/// Most units of one line.
pub(crate) const QUANTITY_MAX: i64 = 1_000_000;
/// Most allocations of one mutation.
pub(crate) const ALLOCATIONS_MAX: usize = 100;
/// Longest scan: a GS1 symbol with a GTIN, dates, lot, serial number and the shop's own elements.
const SCAN_MAX: usize = 300;
/// Furthest a deadline may lie ahead.
pub(crate) const DEADLINE_MAX_MS: i64 = 31 * 24 * crate::records::HOUR_MS;

/// A text of at most `max` characters without control characters, trimmed; may be empty.
pub(crate) fn optional_text(field: impl Field, value: &str, max: usize) -> Outcome<String> {
    let value = value.trim();
    // No text has more characters than bytes.
    if value.len() > max && value.chars().count() > max {
        return Err(Refusal::field(
            Reason::FieldTooLong,
            field,
            format!("{field} takes at most {max} characters."),
        )
        .with("max", max)
        .into());
    }
    if !text::is_plain(value) && value.chars().any(|c| (c.is_control() && c != '\n') || text::is_unseen(c)) {
        let message = format!("{field} holds characters that cannot be printed.");
        return Err(Refusal::field(Reason::FieldMalformed, field, message).into());
    }
    Ok(value.to_string())
}

/// The same, but not empty.
pub(crate) fn text(field: impl Field, value: &str, max: usize) -> Outcome<String> {
    let value = optional_text(field, value, max)?;
    if value.is_empty() { Err(required(field).into()) } else { Ok(value) }
}

/// A short code: 1 to `max` printable ASCII characters without blanks.
pub(crate) fn code(field: &str, value: &str, max: usize) -> Outcome<String> {
    let value = text(field, value, max)?;
    if value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Ok(value);
    }
    let message = format!("{field} takes letters, digits and signs without blanks.");
    Err(Refusal::field(Reason::FieldMalformed, field, message).into())
}

/// What a scanner read: not empty and of bounded length. Its separators cannot be printed and belong to it.
pub(crate) fn scan<'s>(field: &str, value: &'s str) -> Outcome<&'s str> {
    if value.chars().count() > SCAN_MAX {
        let message = format!("{field} takes at most {SCAN_MAX} characters.");
        return Err(Refusal::field(Reason::FieldTooLong, field, message).with("max", SCAN_MAX).into());
    }
    if crate::scan::shown(value).is_empty() { Err(required(field).into()) } else { Ok(value) }
}

/// A free text in which somebody might write a card number.
pub(crate) fn no_card_number(field: &str, value: &str) -> Outcome<()> {
    if text::looks_like_card_number(value) {
        let message = format!("{field} looks like a card number; those are never kept.");
        return Err(Refusal::field(Reason::CardNumberRefused, field, message).into());
    }
    Ok(())
}

pub(crate) fn required(field: impl Field) -> Refusal {
    Refusal::field(Reason::FieldRequired, field, format!("{field} is needed."))
}

/// A number within bounds.
pub(crate) fn range(field: impl Field, value: i64, min: i64, max: i64) -> Outcome<i64> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let message = format!("{field} is {value}; it must lie between {min} and {max}.");
    Err(Refusal::field(Reason::FieldOutOfRange, field, message).with("min", min).with("max", max).into())
}

/// A quantity of a line.
pub(crate) fn quantity(field: impl Field, value: i64) -> Outcome<i64> {
    range(field, value, 1, QUANTITY_MAX)
}

/// A list of 1 to `max` elements.
pub(crate) fn count(field: &str, length: usize, max: usize) -> Outcome<()> {
    if length == 0 {
        return Err(required(field).into());
    }
    at_most(field, length, max)
}

/// A list of at most `max` elements.
pub(crate) fn at_most(field: &str, length: usize, max: usize) -> Outcome<()> {
    if length > max {
        let message = format!("{field} has {length} elements; one call takes {max}.");
        return Err(Refusal::field(Reason::TooManyElements, field, message).with("max", max).into());
    }
    Ok(())
}

/// The refusal of an order for which a batch has no room left: its lines and those before it are too many.
pub(crate) fn too_many(field: &str, max: usize) -> Refusal {
    let message = format!("One call sells orders of {max} lines in all; sell this one in the next.");
    Refusal::field(Reason::TooManyElements, field, message).with("max", max)
}

/// A currency code of ISO 4217.
pub(crate) fn currency(field: impl Field, code: &str) -> Outcome<Currency> {
    if code.is_empty() {
        return Err(required(field).into());
    }
    Currency::parse(code).ok_or_else(|| {
        let shown: String = code.chars().take(10).collect();
        Refusal::field(Reason::CurrencyUnknown, field, format!("{shown:?} is no ISO 4217 currency code."))
            .into()
    })
}

/// An amount between `min` and [`AMOUNT_MAX`] in `wanted`, or in any currency.
pub(crate) fn money(
    field: impl Field,
    input: Option<&MoneyInput>,
    wanted: Option<Currency>,
    min: i64,
) -> Outcome<Money> {
    let input = input.ok_or_else(|| required(field))?;
    let currency = currency(format_args!("{field}.currency_code"), &input.currency_code)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != currency) {
        let message = format!("{field} is in {}, the rest in {}.", currency.code(), wanted.code());
        return Err(Refusal::field(Reason::CurrencyMismatch, field, message)
            .with("currency", currency.code())
            .with("wanted", wanted.code())
            .into());
    }
    if input.minor_units < min || input.minor_units > AMOUNT_MAX {
        return Err(amount_out_of_range(format_args!("{field}.minor_units")).into());
    }
    Ok(Money { currency, minor: input.minor_units })
}

/// An amount that may be unset, which is zero.
pub(crate) fn optional_money(
    field: impl Field,
    input: Option<&MoneyInput>,
    wanted: Currency,
) -> Outcome<i64> {
    match input {
        None => Ok(0),
        Some(input) => Ok(money(field, Some(input), Some(wanted), 0)?.minor),
    }
}

pub(crate) fn amount_out_of_range(field: impl Field) -> Refusal {
    let message = format!("{field} is outside of what Kasir takes (at most {AMOUNT_MAX} minor units).");
    Refusal::field(Reason::AmountOutOfRange, field, message).with("max", AMOUNT_MAX)
}

/// A sum that grows with every sale takes `more`, or is full. `what` says whose sum it is.
pub(crate) fn sum_grows(field: &str, what: &str, sum: i64, more: i64) -> Outcome<()> {
    if sum.saturating_add(more) > SUM_MAX {
        let message = format!("{what} would be beyond {SUM_MAX}, the most that Kasir adds up.");
        return Err(Refusal::field(Reason::AmountOutOfRange, field, message).with("max", SUM_MAX).into());
    }
    Ok(())
}

/// Longest name of whoever asks, in bytes.
const ACTOR_MAX_BYTES: usize = 128;

/// Who asks: a name that fits the keys of totals.
pub(crate) fn actor(actor: &str) -> Outcome<()> {
    if actor.is_empty() || actor.len() > ACTOR_MAX_BYTES || actor.chars().any(char::is_control) {
        let message = "Who asks must be named with 1 to 64 printable characters.";
        return Err(Refusal::field(Reason::FieldMalformed, "kasir-actor", message).into());
    }
    Ok(())
}

/// A deadline after now, at most 31 days ahead; unset is now plus the shop's default.
pub(crate) fn deadline(field: &str, expire_ms: Option<i64>, default_ms: i64, now_ms: i64) -> Outcome<i64> {
    let Some(expire_ms) = expire_ms else { return Ok(now_ms + default_ms) };
    if expire_ms <= now_ms {
        return Err(
            Refusal::field(Reason::DeadlinePassed, field, format!("{field} lies in the past.")).into()
        );
    }
    if expire_ms - now_ms > DEADLINE_MAX_MS {
        let message = format!("{field} lies more than 31 days ahead.");
        return Err(Refusal::field(Reason::FieldOutOfRange, field, message).into());
    }
    Ok(expire_ms)
}

/// A phone in its stored form.
pub(crate) fn phone(field: impl Field, value: &str) -> Outcome<String> {
    if value.trim().is_empty() {
        return Err(required(field).into());
    }
    text::phone(value).ok_or_else(|| {
        Refusal::field(Reason::FieldMalformed, field, format!("{field} is no telephone number.")).into()
    })
}

/// An e-mail address in its stored form, or none.
pub(crate) fn email(field: &str, value: &str) -> Outcome<String> {
    let value = optional_text(field, value, text::EMAIL_CHARS_MAX)?;
    if value.is_empty() {
        return Ok(value);
    }
    text::email(&value).ok_or_else(|| {
        Refusal::field(Reason::FieldMalformed, field, format!("{field} is no e-mail address.")).into()
    })
}

/// An address whose texts fit; recipient, street and city are needed.
pub(crate) fn address(field: &str, input: &Address) -> Outcome<Address> {
    let country = optional_text(format_args!("{field}.country_code"), &input.country_code, 2)?;
    let phone_text = optional_text(format_args!("{field}.phone"), &input.phone, 30)?;
    Ok(Address {
        recipient: text(format_args!("{field}.recipient"), &input.recipient, 100)?,
        phone: if phone_text.is_empty() {
            phone_text
        } else {
            phone(format_args!("{field}.phone"), &phone_text)?
        },
        street: text(format_args!("{field}.street"), &input.street, 300)?,
        district: optional_text(format_args!("{field}.district"), &input.district, 100)?,
        city: text(format_args!("{field}.city"), &input.city, 100)?,
        province: optional_text(format_args!("{field}.province"), &input.province, 100)?,
        postal_code: optional_text(format_args!("{field}.postal_code"), &input.postal_code, 10)?,
        country_code: if country.is_empty() { "ID".into() } else { country.to_uppercase() },
    })
}
