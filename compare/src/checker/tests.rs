//! Tests of the checker: against the search, each anomaly planted, and near misses that are legal.

mod legal;
mod planted;
pub(super) mod story;

use super::duel::duel;

/// A few seconds without optimisation; the million is `cargo run --release -p compare --example duel`.
const HISTORIES: u64 = 20_000;

#[test]
fn the_checker_and_the_search_agree_on_random_histories() {
    let score = duel(2, HISTORIES).unwrap_or_else(|disagreement| panic!("{disagreement}"));
    let fair = HISTORIES / 4;
    assert!(score.possible > fair && score.impossible > fair, "one-sided: {score:?}");
}
