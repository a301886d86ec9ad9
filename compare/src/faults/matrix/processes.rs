//! The matrix on processes: one `compare node` a replica and a controller, real sockets and files, real time.
//!
//! ```text
//!   Cell, seed ──> the same trial as in virtual time, at a pace of its own
//!                     │ a cluster of processes for each trial; who leads is cast as the schedule's leader
//!                     v
//!   Hand ── kill -9, SIGTERM, SIGSTOP, restart ──> processes <── the same clients, each with sockets of its own
//!     ├──── links: a layer in each process that holds frames for longer
//!     ├──── disks: a layer over the files of each process that fails on demand, or forgets what was not synced; or, where somebody
//!     │     has mounted one, a file system that does (.ci/power-cut-by-fuse)
//!     └──── cuts: barriers in the transport of each process and client, told over its control channel; or, where somebody has
//!           made network namespaces (.ci/faults-in-namespaces), routes between them that swallow packets
//!   Watch ── asks each replica what it is: who led, whether the in-sync set shrank
//!                     │ faults end; one leads, all agree; fresh writes; a final read; all stop, and their logs are compared
//!                     v
//!   history ──> the same checker, the same expectations
//! ```
//! Left out: what a clock does, writes that are torn by a power cut, and links that lose frames. Such rows run in virtual time,
//! and say so.

mod cast;
mod drawn;
mod hand;
mod logs;
mod play;
mod watch;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};

pub use drawn::Drawn;
pub(super) use hand::{disk, links, possible};

use super::cell::{Cell, Judged};
use super::ground::Ground;
use super::measured::{Measured, Seen};
use super::run::Trials;
use crate::node::DiskTerms;
use crate::simulate::Halt;
use crate::system::{LaunchError, Premises};

/// Trials at once. Clusters mostly wait; with more of them than cores a process would have to wait for its turn.
const AT_ONCE: usize = 2;

/// Runs cells on processes.
#[derive(Clone, Debug)]
pub struct Processes {
    program: PathBuf,
    premises: Premises,
}

impl Processes {
    /// Processes of this program: the `compare` binary.
    #[must_use]
    pub fn of(program: PathBuf) -> Self {
        Self { program, premises: Premises::default() }
    }

    /// Processes of the running program.
    ///
    /// # Errors
    /// When it cannot be found.
    pub fn of_this_program() -> io::Result<Self> {
        std::env::current_exe().map(Self::of)
    }

    /// The same on such premises.
    #[must_use]
    pub fn on(self, premises: Premises) -> Self {
        Self { premises, ..self }
    }

    /// How what happens to disks is done, where something does.
    fn by_disk(&self, cell: &Cell) -> Option<&'static str> {
        let (needed, said) = cell.disk_on_processes();
        self.premises.power.said().filter(|_| needed == DiskTerms::Forgetful).or(said)
    }

    /// Runs the trials of a cell: on processes, or in virtual time where processes cannot have its fault, which it then says.
    /// Nothing when it was halted.
    ///
    /// # Errors
    /// [`LaunchError::BadInput`] when no cluster can be launched here.
    pub fn measure(&self, cell: &Cell, trials: &Trials, halt: &Halt) -> Result<Option<Judged>, LaunchError> {
        if let Err(why) = cell.possible_on_processes() {
            let judged = trials.one(cell, halt);
            return Ok(judged.map(|judged| Judged { by: Some(format!("simulated only: {why}")), ..judged }));
        }
        let seeds = trials.first..trials.first.saturating_add(trials.each);
        let next = AtomicU64::new(seeds.start);
        let seen: Mutex<Vec<(u64, Result<Seen, LaunchError>)>> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while !halt.is_set() {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            return;
                        }
                        let trial = cell.trial(Ground::Processes, seed).expect("each cell has trials");
                        let played = play::play(&self.program, &self.premises, &trial);
                        let failed = played.is_err();
                        seen.lock().expect("no holder panics").push((seed, played));
                        if failed {
                            return;
                        }
                    }
                });
            }
        });
        let mut seen = seen.into_inner().expect("no holder panics");
        seen.sort_by_key(|(seed, _)| *seed);
        let mut measured = Measured { ground: Ground::Processes, ..Measured::default() };
        let expected = cell.expected();
        let mut story = None;
        for (seed, seen) in seen {
            let seen = seen?;
            measured.count(seed, &seen, expected.happened);
            story = story.or_else(|| seen.story().map(|story| (seed, story)));
        }
        let whole = measured.trials == trials.each;
        let by = cell.is_cut().then_some(self.premises.network.cuts());
        let by = by.or(cell.links_on_processes()).or(self.by_disk(cell));
        let by = by.map(str::to_owned);
        let script = self.premises.script();
        Ok(whole.then(|| Judged { cell: cell.clone(), expected, measured, by, script, story }))
    }
}
