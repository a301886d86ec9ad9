//! An index file from anywhere is read or refused.

#![no_main]
#![allow(dead_code, reason = "each target uses one of the three")]

#[path = "../../partition/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::index(input));
