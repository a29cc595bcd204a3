//! Bytes of a client: nothing panics, and what decodes keeps the codec's promises.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    flux_core::mqtt::codec::invariants::check(bytes);
});
