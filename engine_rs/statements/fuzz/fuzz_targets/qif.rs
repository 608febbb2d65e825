//! The first byte says whether a mapping helps.
#![no_main]

const MAPPING: &str = "date_format = \"DD/MM'YY\"\ndecimal = \".\"\ncurrency = \"JPY\"\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((first, data)) = data.split_first() {
        kasir_statements_fuzz::check(data, "qif", (first % 2 == 1).then_some(MAPPING));
    }
});
