//! Fuzzes the reader of this one kind, whether the bytes are one or not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keepwatch_unpack_fuzz::open(keepwatch_unpack::Kind::Cab, bytes));
