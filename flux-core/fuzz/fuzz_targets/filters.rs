//! A topic and filters, a line each: parsing, matching and the trie agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    flux_core::bus::invariants::check(text);
});
