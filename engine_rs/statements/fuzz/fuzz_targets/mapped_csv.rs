//! What stands before the first zero byte is the mapping; without one it is one of two that say little.
#![no_main]

const NAMED: &str = "[columns]\ndate = \"Date\"\ndescription = [\"Text\", 2]\namount = \"Amount\"\nbalance = 4\naccount = 5\n";
const NUMBERED: &str = "[columns]\ndate = 1\ndebit = 2\ncredit = 3\nstatus = 4\ncurrency = 5\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match data.iter().position(|byte| *byte == 0) {
        Some(end) => {
            if let Ok(mapping) = std::str::from_utf8(&data[..end]) {
                kasir_statements_fuzz::check(&data[end + 1..], "mapped-csv", Some(mapping));
            }
        }
        None => {
            kasir_statements_fuzz::check(data, "mapped-csv", Some(NAMED));
            kasir_statements_fuzz::check(data, "mapped-csv", Some(NUMBERED));
        }
    }
});
