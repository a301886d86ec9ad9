//! Lets the exact checker and the search judge random histories: `duel [HISTORIES] [SEED]`, a million unless told.
//! Then times the checker on a long history.

use std::process::ExitCode;

use compare::checker::check;
use compare::checker::duel::{duel, long_history};
use partition::clock::Clock;

/// How many histories, unless told.
const HISTORIES: u64 = 1_000_000;
/// How many operations the timed history has.
const OPERATIONS: u64 = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Ok(histories), Ok(seed)) =
        (numbers.next().unwrap_or(Ok(HISTORIES)), numbers.next().unwrap_or(Ok(1)))
    else {
        eprintln!("duel [HISTORIES] [SEED]: two numbers, please");
        return ExitCode::from(2);
    };
    let clock = Clock::real();
    let began = clock.now();
    match duel(seed, histories) {
        Ok(score) => {
            let seconds = clock.now().since(began).as_secs_f64();
            println!(
                "{histories} random histories, {} possible and {} not: no disagreement, {seconds:.1} s",
                score.possible, score.impossible
            );
        }
        Err(disagreement) => {
            println!("{disagreement}");
            return ExitCode::FAILURE;
        }
    }
    let history = long_history(OPERATIONS);
    let began = clock.now();
    let report = check(&history);
    let seconds = clock.now().since(began).as_secs_f64();
    println!("{OPERATIONS} operations judged in {seconds:.3} s");
    print!("{report}");
    ExitCode::SUCCESS
}
