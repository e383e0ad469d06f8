#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resweep_fuzz::drive::sweep_file(bytes));
