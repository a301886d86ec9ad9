//! `compare faults --random SECONDS`: faults that seeds draw, on processes under load.

use std::process::ExitCode;
use std::time::Duration;

use partition::log::Durability;

use super::FaultsArgs;
use super::histories::Histories;
use super::kept::Kept;
use crate::cli::{bad_input, printed, seeds};
use crate::faults::matrix::Column;
use crate::faults::matrix::processes::{Drawn, Processes};
use crate::results::{RandomFaults, Results};
use crate::simulate::Halt;
use crate::system::Shape;
use crate::table;

/// Runs clusters in turn, for that long.
pub(super) fn run(args: &FaultsArgs, lasts: Duration) -> ExitCode {
    let only = args.only.as_deref().unwrap_or_default();
    let mut shapes: Vec<Shape> = Column::on_processes().iter().map(|column| column.shape).collect();
    // What is not synced may be lost by right, and one replica down of two stops a majority.
    shapes.retain(|shape| shape.survives().dead_replicas > 0 && shape.durability == Durability::Synced);
    shapes.retain(|shape| shape.setting().contains(only));
    // A column differs from another by its acknowledgement, too; here no setting is to have two turns.
    shapes.sort_by_key(Shape::setting);
    shapes.dedup();
    if shapes.is_empty() {
        return bad_input(&format!("no setting has {only:?} in its name, such as isr-3:2"));
    }
    let kept = match Kept::prepare(args.json.as_deref()) {
        Ok(kept) => kept,
        Err(line) => return bad_input(&line),
    };
    let histories = args.histories.as_deref();
    let histories = histories.map(|at| Histories::prepare(at, kept.destination.path())).transpose();
    match histories {
        Ok(histories) => seeds::until_interrupted(|halt| {
            measure(&kept, histories.as_ref(), &shapes, args.seed, lasts, halt)
        }),
        Err(line) => bad_input(&line),
    }
}

fn measure(
    kept: &Kept,
    histories: Option<&Histories>,
    shapes: &[Shape],
    first: u64,
    lasts: Duration,
    halt: &Halt,
) -> ExitCode {
    let processes = match Processes::of_this_program() {
        Ok(processes) => processes,
        Err(error) => return bad_input(&format!("cannot find this program: {error}")),
    };
    let mut all: Vec<Drawn> = Vec::new();
    let mut unkept = None;
    let ran = processes.under_drawn_faults(shapes, first, lasts, halt, |drawn| {
        for finding in &drawn.findings {
            eprintln!("seed {} of {}: {finding}, under {}", drawn.seed, drawn.shape.setting(), drawn.faults);
        }
        if let Some(Err(line)) = histories.map(|kept| kept.keep_drawn(&drawn)) {
            unkept.get_or_insert(line);
        }
        all.push(drawn);
        if all.len().is_multiple_of(10) {
            eprintln!("{} trials", all.len());
        }
    });
    if let Err(error) = ran {
        return bad_input(&error.to_string());
    }
    let ending = if halt.is_set() { "interrupted" } else { "complete" };
    let circumstances = kept.circumstances.clone();
    let results = Results {
        random: RandomFaults::of_all(&all),
        ..Results::of_matrix(first, Vec::new(), Vec::new(), ending, circumstances)
    };
    printed::out(table::random(&results).as_bytes());
    if let Err(line) = unkept.map_or(Ok(()), Err).and_then(|()| kept.write(&results)) {
        return bad_input(&line);
    }
    let sound = results.random.iter().all(|setting| setting.findings.is_empty());
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
