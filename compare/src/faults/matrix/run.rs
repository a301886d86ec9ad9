//! Runs the cells of the matrix on all cores, each over some seeds.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use partition::simulation::Tracing;
use tokio::sync::mpsc;

use super::cell::{Cell, Judged};
use super::ground::Ground;
use super::measured::{Measured, Seen};
use crate::simulate::{Halt, Ran, STACK_BYTES, THREAD, run};

/// Cells that wait to be counted; a thread waits when there are more.
const CELLS_WAITING_MAX: usize = 64;

/// Which seeds each cell is run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trials {
    /// The first of them.
    pub first: u64,
    /// How many for each cell.
    pub each: u64,
}

impl Trials {
    /// Runs these cells, and hands each to `done` when it is, in whatever order. A halt leaves the rest out.
    pub fn run(&self, cells: &[Cell], halt: &Halt, mut done: impl FnMut(Judged)) {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (results, mut arriving) = mpsc::channel(CELLS_WAITING_MAX);
            for _ in 0..threads.min(cells.len()) {
                let (results, next) = (results.clone(), &next);
                let work = move || {
                    while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Some(judged) = self.one(cell, halt) else { return };
                        if results.blocking_send(judged).is_err() {
                            return;
                        }
                    }
                };
                let thread = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, work).expect("a thread can be started");
            }
            drop(results);
            while let Some(judged) = arriving.blocking_recv() {
                done(judged);
            }
        });
    }

    /// Runs one; nothing when it was halted.
    #[must_use]
    pub fn one(&self, cell: &Cell, halt: &Halt) -> Option<Judged> {
        let expected = cell.expected();
        let mut measured = Measured::default();
        for seed in self.first..self.first.saturating_add(self.each) {
            if halt.is_set() {
                return None;
            }
            let trial = cell.trial(Ground::Simulated, seed)?;
            let ran = run(&trial.scenario, Tracing::Digest);
            measured.count(seed, &Seen::in_simulation(&trial, ran), expected.happened);
        }
        Some(Judged { cell: cell.clone(), expected, measured, by: None, script: None, story: None })
    }

    /// The first trial of a cell alone, with all that it leaves behind.
    #[must_use]
    pub fn first_of(&self, cell: &Cell) -> Option<Ran> {
        Some(run(&cell.trial(Ground::Simulated, self.first)?.scenario, Tracing::Text))
    }
}
