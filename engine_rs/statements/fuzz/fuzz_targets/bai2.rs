#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kasir_statements_fuzz::check(data, "bai2", None));
