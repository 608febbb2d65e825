//! Amounts as banks write them, to integer minor units and back, exactly.

use crate::text::shown;

/// The contract's bound: |amount| <= 10^15 minor units.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000_000;

/// Most digits that are read at all.
const MAX_DIGITS: usize = 20;

/// How a bank writes amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Between whole units and their parts.
    pub decimal: u8,
    /// Between thousands, which are grouped in threes or not at all.
    pub group: u8,
}

impl Marks {
    /// `3,528,964.00`
    pub const POINT: Self = Self { decimal: b'.', group: b',' };
    /// `3.528.964,00`
    pub const COMMA: Self = Self { decimal: b',', group: b'.' };
}

/// How many decimals of an amount are minor units, by ISO 4217.
pub fn minor_digits(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// Active currencies of ISO 4217, list one, as the engine knows them: a test of the bridge holds the two together.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG \
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG \
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UYW UZS VES VND VUV WST XAF \
    XCD XOF XPF YER ZAR ZMW ZWG";

/// ISO 4217 code of what a bank calls a currency, in any case, "Rp" too; none of what is no currency.
pub fn currency_code(text: &str) -> Option<&'static str> {
    let text = text.trim_matches([' ', '\'', '`', '"']);
    if text.eq_ignore_ascii_case("rp") {
        return Some("IDR");
    }
    CURRENCIES.split(' ').find(|code| code.eq_ignore_ascii_case(text))
}

/// Minor units of `text`, e.g. "3,528,964.00" or "-108400.00", written with a decimal point.
///
/// `decimals`: how many must be written (a missing digit then shows that the text was cut off); none takes any number. Decimals
/// beyond the currency's minor digits must be zeros: nothing is ever rounded. The error says why in plain words.
pub fn parse_amount(text: &str, currency: &str, decimals: Option<usize>) -> Result<i64, String> {
    parse_marked(text, currency, decimals, Marks::POINT)
}

/// The same of `text` in another way of writing.
pub fn parse_marked(
    text: &str,
    currency: &str,
    decimals: Option<usize>,
    marks: Marks,
) -> Result<i64, String> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = match digits.bytes().position(|byte| byte == marks.decimal) {
        Some(at) => (&digits.as_bytes()[..at], Some(&digits.as_bytes()[at + 1..])),
        None => (digits.as_bytes(), None),
    };
    let is_number = grouped(whole, marks.group)
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    if !is_number {
        return Err(format!("{} is not an amount", shown(text)));
    }
    let fraction = fraction.unwrap_or_default();
    if let Some(decimals) = decimals.filter(|decimals| *decimals != fraction.len()) {
        return Err(format!("{} should have {decimals} decimals", shown(text)));
    }
    let too_large = || format!("{} is too large", shown(text));
    let whole_digits = || whole.iter().filter(|byte| **byte != marks.group);
    if whole_digits().count() + fraction.len() > MAX_DIGITS {
        return Err(too_large());
    }
    let places = minor_digits(currency);
    if fraction.iter().skip(places).any(|digit| *digit != b'0') {
        return Err(format!("{} has more decimals than {currency} has minor units", shown(text)));
    }
    let minor = whole_digits()
        .copied()
        .chain((0..places).map(|place| fraction.get(place).copied().unwrap_or(b'0')))
        .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
        .filter(|minor| *minor <= MAX_AMOUNT_MINOR)
        .ok_or_else(too_large)?;
    Ok(if negative { -minor } else { minor })
}

/// Refuses an amount with three digits behind its only mark: nobody can tell thousands from thousandths. A currency that has three
/// decimals is not in doubt.
pub(crate) fn check_thousands(text: &str, currency: &str, marks: Marks) -> Result<(), String> {
    let decimals =
        text.trim_end().rsplit_once(char::from(marks.decimal)).map_or(0, |(_, behind)| behind.len());
    if decimals == 3 && minor_digits(currency) != 3 {
        return Err(format!("{} has three decimals: it could be thousands", shown(text)));
    }
    Ok(())
}

/// Digits, grouped in threes or not at all.
fn grouped(whole: &[u8], group: u8) -> bool {
    if !whole.contains(&group) {
        return !whole.is_empty() && whole.iter().all(u8::is_ascii_digit);
    }
    whole.split(|byte| *byte == group).enumerate().all(|(index, part)| {
        part.iter().all(u8::is_ascii_digit)
            && if index == 0 { (1..=3).contains(&part.len()) } else { part.len() == 3 }
    })
}

/// `minor` for people, e.g. 10840000 of IDR as "108,400.00".
pub fn format_amount(minor: i128, currency: &str) -> String {
    let places = minor_digits(currency);
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let mut text = String::with_capacity(digits.len() * 2);
    if minor < 0 {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if places > 0 {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(parse_amount("3,528,964.00", "IDR", Some(2)), Ok(352_896_400));
        assert_eq!(parse_amount("-108400.5", "IDR", None), Ok(-10_840_050));
        assert_eq!(parse_amount("500.00", "JPY", Some(2)), Ok(500));
        assert_eq!(parse_amount("1.234", "KWD", None), Ok(1_234));
        assert_eq!(parse_marked("1.234,56", "IDR", Some(2), Marks::COMMA), Ok(123_456));
        for text in ["", "-", "1,23.00", "1.", ".5", "1.2.3", "1 000.00", "٣.00", "+1.00", "--1", "1e3"] {
            assert!(parse_amount(text, "IDR", None).is_err(), "{text}");
        }
        assert!(parse_amount("1.5", "IDR", Some(2)).is_err());
        assert!(parse_amount("500.50", "JPY", Some(2)).is_err());
        assert!(parse_amount("10000000000000.01", "IDR", None).is_err());
        assert!(parse_amount(&"9".repeat(10_000), "IDR", None).is_err());
    }

    #[test]
    fn currencies_by_their_codes() {
        for (text, code) in [("IDR", "IDR"), ("rp", "IDR"), ("'myr ", "MYR"), ("KWD", "KWD"), ("ZWG", "ZWG")]
        {
            assert_eq!(currency_code(text), Some(code), "{text}");
        }
        for text in ["", " ", "XTS", "AED AFN", "RUPIAH"] {
            assert_eq!(currency_code(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            minor in -MAX_AMOUNT_MINOR..=MAX_AMOUNT_MINOR,
            currency in prop::sample::select(vec!["IDR", "JPY", "KWD"]),
        ) {
            let text = format_amount(minor.into(), currency);
            prop_assert_eq!(parse_amount(&text, currency, Some(minor_digits(currency)).filter(|d| *d > 0)), Ok(minor));
            prop_assert_eq!(parse_amount(&text.replace(',', ""), currency, None), Ok(minor));
        }
    }
}
