//! Money: exact integer minor units of ISO 4217 currencies, and the roundings of tax.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Largest absolute amount in minor units that any field may hold: 10^15 (ten trillion rupiah).
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// Largest sum that grows with every sale: of a shift, of a customer's credit and points. A thousand of the largest amounts,
/// and so far from the end of 64 bits that one more of them never reaches it.
pub const SUM_MAX: i64 = 1_000 * AMOUNT_MAX;

/// Basis points in one whole.
pub const BASIS_POINTS: i64 = 10_000;

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Active ISO 4217 currencies by number of minor digits. Source: ISO 4217 list one, 2024 amendments.
const BY_DIGITS: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP \
         CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR \
         IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN \
         NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
         STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// Indonesian rupiah.
    pub const IDR: Currency = Currency(*b"IDR");

    /// The currency of an upper-case code, if ISO 4217 lists it.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        let currency = Self(bytes);
        currency.digits().map(|_| currency)
    }

    /// The code, e.g. "IDR".
    ///
    /// # Panics
    /// Never: only ASCII codes are made.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("parse admits listed ASCII codes only")
    }

    /// The least amount that is paid in notes and coins, in minor units: rupiah have no sen any more. Source: Unicode CLDR,
    /// supplemental currency data, cash digits; other currencies are paid to the minor unit.
    #[must_use]
    pub fn cash_unit(self) -> i64 {
        if self == Self::IDR { 100 } else { 1 }
    }

    /// Minor units in one major unit: 100 for IDR.
    #[must_use]
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(self.digits().unwrap_or(2))
    }

    /// Its minor digits; `None` when it is not listed.
    fn digits(self) -> Option<u32> {
        // Each code has three letters and a blank behind it, but the last.
        let is_in = |codes: &str| codes.as_bytes().chunks(4).any(|code| code.starts_with(&self.0));
        BY_DIGITS.iter().find(|(_, codes)| is_in(codes)).map(|(digits, _)| *digits)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Written by `serialize`, so listed: only the form is checked, for speed.
        struct Code;
        impl serde::de::Visitor<'_> for Code {
            type Value = Currency;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an ISO 4217 code")
            }

            fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<Currency, E> {
                match <[u8; 3]>::try_from(code.as_bytes()) {
                    Ok(bytes) if bytes.iter().all(u8::is_ascii_uppercase) => Ok(Currency(bytes)),
                    _ => Err(E::custom(format!("unknown currency {code:?}"))),
                }
            }
        }
        deserializer.deserialize_str(Code)
    }
}

/// An amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Its currency.
    pub currency: Currency,
    /// Minor units.
    pub minor: i64,
}

/// `value * numerator / denominator`, half up (away from zero), exact in between.
/// `None` when the result does not fit [`AMOUNT_MAX`].
#[must_use]
pub fn scale(value: i64, numerator: i64, denominator: i64) -> Option<i64> {
    let product = i128::from(value) * i128::from(numerator);
    let divisor = i128::from(denominator);
    let half = if product < 0 { -divisor / 2 } else { divisor / 2 };
    i64::try_from((product + half) / divisor).ok().filter(|result| result.abs() <= AMOUNT_MAX)
}

/// `value * part / whole`, rounded down, exact in between; nothing of nothing. For numbers that are not below zero, `part`
/// at most `whole`.
#[must_use]
pub fn scale_down(value: i64, part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    i64::try_from(i128::from(value) * i128::from(part) / i128::from(whole)).unwrap_or(value)
}

/// The part of an amount that falls to `part` units of `whole`, in whole steps, half up. All units have all of it, so that
/// the last ones take what rounding left. For amounts that are not below zero.
#[must_use]
pub fn share(amount: i64, part: i64, whole: i64, step: i64) -> i64 {
    if part == whole {
        return amount;
    }
    let divisor = i128::from(whole) * i128::from(step);
    let steps = (i128::from(amount) * i128::from(part) + divisor / 2) / divisor;
    i64::try_from(steps * i128::from(step)).unwrap_or(amount)
}

/// Tax contained in a price at a rate in basis points: price * rate / (1 + rate).
#[must_use]
pub fn tax_contained(price: i64, rate_basis_points: i32) -> Option<i64> {
    let rate = i64::from(rate_basis_points);
    scale(price, rate, BASIS_POINTS + rate)
}

/// Tax added on a price at a rate in basis points: price * rate.
#[must_use]
pub fn tax_added(price: i64, rate_basis_points: i32) -> Option<i64> {
    scale(price, i64::from(rate_basis_points), BASIS_POINTS)
}

/// `price * quantity`, if it fits [`AMOUNT_MAX`].
#[must_use]
pub fn times(price: i64, quantity: i64) -> Option<i64> {
    price.checked_mul(quantity).filter(|product| product.abs() <= AMOUNT_MAX)
}

/// Sum of amounts, if it fits [`AMOUNT_MAX`].
#[must_use]
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Option<i64> {
    amounts
        .into_iter()
        .try_fold(0_i64, |total, amount| total.checked_add(amount).filter(|total| total.abs() <= AMOUNT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_those_of_iso_4217() {
        assert_eq!(Currency::parse("IDR"), Some(Currency::IDR));
        assert_eq!(Currency::IDR.minor_per_major(), 100);
        assert_eq!(Currency::parse("JPY").map(Currency::minor_per_major), Some(1));
        assert_eq!(Currency::parse("KWD").map(Currency::minor_per_major), Some(1000));
        for (digits, codes) in BY_DIGITS {
            for code in codes.split(' ') {
                let currency = Currency::parse(code).expect(code);
                assert_eq!((currency.code(), currency.minor_per_major()), (code, 10_i64.pow(digits)));
            }
        }
        for wrong in ["", "idr", "RPX", "ID", "IDRR", "R P", "DR ", "IF ", " CL", "PF"] {
            assert_eq!(Currency::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ppn_is_rounded_half_up() {
        assert_eq!(tax_contained(11_100, 1100), Some(1_100));
        assert_eq!(tax_contained(100, 1100), Some(10)); // 9.909…
        assert_eq!(tax_added(50, 1100), Some(6)); // 5.5
        assert_eq!(tax_added(49, 1100), Some(5)); // 5.39
        assert_eq!(scale(-50, 1100, 10_000), Some(-6));
    }

    #[test]
    fn what_is_too_large_is_none() {
        assert_eq!(times(AMOUNT_MAX, 2), None);
        assert_eq!(times(i64::MAX, 3), None);
        assert_eq!(sum([AMOUNT_MAX, 1]), None);
        assert_eq!(sum([i64::MAX, i64::MAX]), None);
        assert_eq!(sum([1, 2, 3]), Some(6));
    }
}
