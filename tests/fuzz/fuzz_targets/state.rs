//! libFuzzer on [`plumbline_fuzz::targets::state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbline_fuzz::targets::state(data));
