//! libFuzzer on [`plumbline_fuzz::targets::event`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbline_fuzz::targets::event(data));
