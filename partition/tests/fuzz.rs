//! The fuzz targets on the stable toolchain: each input of the stored corpus, and random mutations of it, from a seed.
//!
//! `fuzz/` has the same targets for cargo-fuzz, which finds more in more time. What it finds belongs into the corpus.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Edits made to one input, at most.
const EDITS_MAX: usize = 6;
/// An input grows to at most this: longer ones find nothing new here.
const LENGTH_MAX: usize = 8 * 1024;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    assert!(found.len() >= 5, "{} inputs in {}", found.len(), dir.display());
    found
}

/// Tries the corpus, then so many mutations of it. An input that fails is written where it can be kept.
fn run(target: &str, mutations: usize, tried: fn(&[u8])) {
    let corpus = corpus(target);
    for (name, input) in &corpus {
        let failed = std::panic::catch_unwind(|| tried(input)).is_err();
        assert!(!failed, "the input {name} of fuzz/corpus/{target} fails");
    }
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..mutations {
        let input = mutated(&corpus, &mut random);
        if std::panic::catch_unwind(|| tried(&input)).is_err() {
            let kept = std::env::temp_dir().join(format!("fuzz-{target}-{number}"));
            fs::write(&kept, &input).unwrap();
            panic!("mutation {number} fails; mend it, then keep {} in fuzz/corpus/{target}", kept.display());
        }
    }
}

fn mutated(corpus: &[(String, Vec<u8>)], random: &mut StdRng) -> Vec<u8> {
    let mut input = corpus[random.random_range(0..corpus.len())].1.clone();
    for _ in 0..random.random_range(1..=EDITS_MAX) {
        let at = random.random_range(0..input.len().max(1));
        match random.random_range(0..7) {
            0 if !input.is_empty() => input[at] ^= 1 << random.random_range(0..8),
            1 if !input.is_empty() => input[at] = random.random(),
            2 => input.truncate(at),
            // Extremes of a length or a count.
            3 => {
                let extreme = [[0; 4], [0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 1]];
                let extreme = extreme[random.random_range(0..extreme.len())];
                let end = input.len().min(at + 4);
                input[at..end].copy_from_slice(&extreme[..end - at]);
            }
            4 => {
                let zeros = random.random_range(1..200);
                input.splice(at..at, std::iter::repeat_n(0, zeros));
            }
            // A piece of one behind a piece of another.
            5 => {
                let other = &corpus[random.random_range(0..corpus.len())].1;
                let from = random.random_range(0..other.len().max(1));
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let end = random.random_range(at..=input.len());
                let twice = input[at..end].to_vec();
                input.splice(at..at, twice);
            }
        }
        input.truncate(LENGTH_MAX);
    }
    input
}

#[test]
fn a_batch_from_anywhere_is_parsed_or_refused() {
    run("batch", 10_000, targets::batch);
}

#[test]
fn an_index_file_from_anywhere_is_read_or_refused() {
    run("index", 10_000, targets::index);
}

#[test]
fn a_segment_from_anywhere_is_recovered_or_refused() {
    run("recovery", 600, targets::recovery);
}
