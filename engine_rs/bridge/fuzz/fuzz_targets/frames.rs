#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kasir_bridge_fuzz::frames(data));
