//! Fuzzes the telling of kinds, and whatever they lead to.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keepwatch_unpack_fuzz::unpack(bytes));
