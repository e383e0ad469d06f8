#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resweep::drive::cifar100(bytes));
