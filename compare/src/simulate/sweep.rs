//! Many seeds, on all cores: a thread runs one seed at a time, and each run has a runtime of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use partition::simulation::Tracing;
use tokio::sync::mpsc;

use super::figures::{Figures, Occurrence};
use super::leasing::Leasing;
use super::run::{Ran, run};
use super::scenario::{FaultChoice, Scenario, Twist};
use super::verdict::Finding;
use crate::system::Shape;

/// Results that wait to be counted; a thread waits when there are more.
const RESULTS_MAX: usize = 64;
/// The stack of a thread that runs seeds: as the main thread's, for debug builds nest deep.
pub const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Many seeds of one system.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What runs.
    pub shape: Shape,
    /// Which seeds.
    pub seeds: Range<u64>,
    /// Which faults.
    pub faults: FaultChoice,
    /// Which leases, if not those that each seed decides for.
    pub leasing: Option<Leasing>,
    /// In what its nodes are unlike real ones.
    pub twist: Twist,
}

/// What a sweep gave, whatever the order in which its runs ended.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// Seeds that were run.
    pub runs: u64,
    /// All their figures.
    pub figures: Figures,
    /// In how many runs something really happened.
    pub occurrence: Occurrence,
    /// The first finding of each seed that failed.
    pub failed: BTreeMap<u64, Finding>,
}

impl Swept {
    fn count(&mut self, seed: u64, ran: Ran) {
        self.runs += 1;
        self.figures += ran.figures;
        self.occurrence.count(&ran.figures);
        if let Some(first) = ran.findings.into_iter().next() {
            self.failed.insert(seed, first);
        }
    }
}

/// Ends a sweep, or a search for a smaller scenario, early: what runs now is the last.
#[derive(Debug, Default)]
pub struct Halt(AtomicBool);

impl Halt {
    /// No seed is begun from now on.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was called.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Sweep {
    /// What one of its seeds decides.
    #[must_use]
    pub fn scenario(&self, seed: u64) -> Scenario {
        let (shape, faults) = (self.shape, self.faults.clone());
        let scenario = match self.leasing {
            Some(leasing) => Scenario::leased(seed, shape, faults, leasing),
            None => Scenario::of(seed, shape, faults),
        };
        scenario.twisted(self.twist)
    }

    /// Runs all seeds, or those up to a halt, and tells `progress` of the sum after each.
    pub fn run(&self, halt: &Halt, mut progress: impl FnMut(&Swept)) -> Swept {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let next = AtomicU64::new(self.seeds.start);
        let mut swept = Swept::default();
        thread::scope(|scope| {
            let (results, mut arriving) = mpsc::channel(RESULTS_MAX);
            for _ in 0..threads {
                let (results, next) = (results.clone(), &next);
                let work = move || self.work(next, halt, &results);
                let thread = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, work).expect("a thread can be started");
            }
            drop(results);
            while let Some((seed, ran)) = arriving.blocking_recv() {
                swept.count(seed, ran);
                progress(&swept);
            }
        });
        swept
    }

    fn work(&self, next: &AtomicU64, halt: &Halt, results: &mpsc::Sender<(u64, Ran)>) {
        while !halt.is_set() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end {
                return;
            }
            let scenario = self.scenario(seed);
            let ran = run(&scenario, Tracing::Digest);
            if results.blocking_send((seed, ran)).is_err() {
                return;
            }
        }
    }
}

/// The name of threads that run seeds: a panic there is a finding, and needs no words on stderr.
pub const THREAD: &str = "seeds";
