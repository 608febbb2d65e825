//! Natural logarithms in whole thousandths, the same on every machine.

/// ln 2 in millionths.
const LN_2_MICRO: u64 = 693_147;
/// Binary places after the point.
const PLACES: u32 = 16;

/// The natural logarithm of `number` in thousandths, rounded down; 0 for 0.
pub(crate) fn ln_milli(number: u64) -> i64 {
    if number == 0 {
        return 0;
    }
    let whole = number.ilog2();
    // The mantissa in [1, 2) with 31 places; each squaring gives one more binary place of the logarithm.
    let mut mantissa = if whole > 31 { number >> (whole - 31) } else { number << (31 - whole) };
    let mut log = u64::from(whole);
    for _ in 0..PLACES {
        mantissa = (mantissa * mantissa) >> 31;
        log <<= 1;
        if mantissa >> 32 > 0 {
            mantissa >>= 1;
            log |= 1;
        }
    }
    let micro = (log * LN_2_MICRO) >> PLACES;
    i64::try_from(micro / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::ln_milli;

    #[test]
    fn logarithms_are_right_to_a_thousandth() {
        for (number, expected) in
            [(0, 0), (1, 0), (2, 693), (3, 1098), (10, 2302), (999, 6906), (u64::MAX, 44_361)]
        {
            assert!((ln_milli(number) - expected).abs() <= 1, "{number}: {}", ln_milli(number));
        }
    }
}
