//! Lets both judges see the same random histories: some that a real log produced, some that were tampered with.
//!
//! The full duel is `cargo run --release -p compare --example duel`; the tests run a shorter one.

mod random;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::report::Verdict;
use super::{check, search};
use crate::history::History;

pub use random::{long_history, random_history};

/// What both judges said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Histories that both found possible.
    pub possible: u64,
    /// Histories that both found impossible.
    pub impossible: u64,
}

/// The judges disagree: one of them is wrong.
#[derive(Debug, thiserror::Error)]
#[error("history {number} of seed {seed}: the search says {}, the checker says\n{report}\n{json}",
    if *.possible { "possible" } else { "impossible" })]
pub struct Disagreement {
    seed: u64,
    number: u64,
    possible: bool,
    report: String,
    json: String,
}

/// Judges so many random histories.
///
/// # Errors
/// The first [`Disagreement`].
pub fn duel(seed: u64, histories: u64) -> Result<Score, Box<Disagreement>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut score = Score::default();
    for number in 0..histories {
        let history = random_history(&mut random);
        let possible = search::is_possible(&history).expect("small, and of a known shape");
        let report = check(&history);
        if possible != (report.verdict == Verdict::Kept) {
            let (report, json) = (report.to_string(), as_json(&history));
            return Err(Box::new(Disagreement { seed, number, possible, report, json }));
        }
        *if possible { &mut score.possible } else { &mut score.impossible } += 1;
    }
    Ok(score)
}

pub(super) fn as_json(history: &History) -> String {
    let mut json = Vec::new();
    history.write_json(&mut json).expect("memory can be written");
    String::from_utf8(json).expect("JSON is text")
}
