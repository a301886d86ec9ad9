//! `compare faults --tuning`: what `replica.lag.time.max.ms` trades.

use std::process::ExitCode;

use super::FaultsArgs;
use super::kept::Kept;
use crate::cli::{bad_input, printed, seeds};
use crate::faults::matrix::tune;
use crate::results::{Results, TuningPoint};
use crate::simulate::Halt;
use crate::table;

/// Trials of each setting: enough for a median.
const TRIALS: u64 = 5;
/// Settings that are tried.
const SETTINGS: u64 = 5;

/// Tries each setting.
pub(super) fn run(args: &FaultsArgs) -> ExitCode {
    let trials = args.seeds.map_or(TRIALS, |seeds| seeds.div_ceil(SETTINGS));
    let kept = match Kept::prepare(args.json.as_deref()) {
        Ok(kept) => kept,
        Err(line) => return bad_input(&line),
    };
    seeds::quiet_panics();
    seeds::until_interrupted(|halt| measure(&kept, args.seed, trials, halt))
}

fn measure(kept: &Kept, first: u64, trials: u64, halt: &Halt) -> ExitCode {
    let mut points = Vec::new();
    let mut sound = true;
    tune(first, trials, halt, |point| {
        eprintln!("tried {:?}", point.lag_max);
        for (seed, finding) in &point.findings {
            sound = false;
            eprintln!("seed {seed} at {:?}: {finding}", point.lag_max);
        }
        points.push(TuningPoint::of(&point));
    });
    let ending = if halt.is_set() { "interrupted" } else { "complete" };
    let circumstances = kept.circumstances.clone();
    let results = Results {
        tuning: points,
        ..Results::of_matrix(first, Vec::new(), Vec::new(), ending, circumstances)
    };
    printed::out(table::tuning(&results).as_bytes());
    match kept.write(&results) {
        Ok(()) if sound => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(line) => bad_input(&line),
    }
}
