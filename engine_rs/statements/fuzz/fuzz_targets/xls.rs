//! The records of an XLS, in a compound file that is sound: one that is damaged hides what stands in it.
#![no_main]

use std::io::{Cursor, Write as _};

const MAPPING: &str = "[columns]\ndate = \"Tanggal\"\ndescription = 2\namount = 3\nbalance = 4\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("a compound file");
    file.create_stream("Workbook").expect("a stream").write_all(data).expect("it is written");
    let file = file.into_inner().into_inner();
    kasir_statements_fuzz::check(&file, "cimb-octo", None);
    kasir_statements_fuzz::check(&file, "mapped-csv", Some(MAPPING));
});
