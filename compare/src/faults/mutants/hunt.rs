//! Runs seeds with a broken rule until the judge finds it, and the same seeds with nothing broken.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use partition::simulation::Tracing;

use super::aim::Aim;
use crate::checker::Anomaly;
use crate::invariants::Invariant;
use crate::simulate::{Finding, Halt, STACK_BYTES, THREAD, run};

/// Seeds that are run with nothing broken, at least: a judge that finds something in each of them is no judge.
const SOUND_MIN: u64 = 3;

/// How all of them are hunted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// The most seeds that one may take.
    pub budget: u64,
}

/// What came of one mutant.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// The mutant, and how it was hunted.
    pub aim: Aim,
    /// How many seeds were run with it.
    pub tried: u64,
    /// What caught it.
    pub caught: Option<Caught>,
    /// What was found that has no name of ours, by seed: a panic, or a cluster that did not heal.
    pub nameless: Option<(u64, Finding)>,
    /// The same seeds with nothing broken.
    pub sound: Sound,
}

/// What caught a mutant.
#[derive(Clone, Debug)]
pub struct Caught {
    /// In which run.
    pub seed: u64,
    /// By what.
    pub by: Finding,
    /// How long that run lasted, in virtual time: an invariant ends it at once, the checker judges its end.
    pub after: Duration,
}

/// Runs with nothing broken.
#[derive(Clone, Debug, Default)]
pub struct Sound {
    /// How many.
    pub runs: u64,
    /// What was found in them nevertheless, by seed.
    pub failed: Vec<(u64, Finding)>,
}

impl Hunted {
    /// Whether it is as it should be: the judge sees the difference.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.caught.is_some() && self.sound.failed.is_empty()
    }
}

impl Hunt {
    /// Hunts all of them, on all cores; tells `progress` of each when it is done. They come back in the order of the aims,
    /// without those that a halt has left unfinished.
    pub fn all(self, aims: &[Aim], halt: &Halt, progress: impl Fn(&Hunted) + Sync) -> Vec<Hunted> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work = || {
            while let Some(aim) = aims.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(hunted) = self.one(*aim, halt) else { return };
                progress(&hunted);
                done.lock().expect("no holder panics").push(hunted);
            }
        };
        thread::scope(|scope| {
            for _ in 0..threads.min(aims.len()) {
                let thread = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, work).expect("a thread can be started");
            }
        });
        let mut done = done.into_inner().expect("no holder panics");
        done.sort_by_key(|hunted| hunted.aim.mutant);
        done
    }

    /// Hunts one; nothing when it was halted.
    #[must_use]
    pub fn one(self, aim: Aim, halt: &Halt) -> Option<Hunted> {
        let mut hunted = Hunted { aim, tried: 0, caught: None, nameless: None, sound: Sound::default() };
        for seed in 1..=self.budget {
            if halt.is_set() {
                return None;
            }
            hunted.tried = seed;
            let ran = run(&aim.mutated(seed), Tracing::Digest);
            let after = ran.figures.virtual_time;
            let (named, nameless): (Vec<_>, Vec<_>) = ran.findings.into_iter().partition(has_a_name);
            if let Some(by) = named.into_iter().next() {
                hunted.caught = Some(Caught { seed, by, after });
                break;
            }
            hunted.nameless = hunted.nameless.or(nameless.into_iter().next().map(|found| (seed, found)));
        }
        for seed in 1..=hunted.tried.max(SOUND_MIN) {
            if halt.is_set() {
                return None;
            }
            hunted.sound.runs += 1;
            let found = run(&aim.sound(seed), Tracing::Digest).findings.into_iter().next();
            hunted.sound.failed.extend(found.map(|found| (seed, found)));
        }
        Some(hunted)
    }
}

/// Whether it is an invariant or an anomaly, by name.
fn has_a_name(finding: &Finding) -> bool {
    let name = finding.name.trim_start_matches("metadata ");
    Invariant::ALL.iter().any(|invariant| invariant.to_string() == name)
        || Anomaly::ALL.iter().any(|anomaly| anomaly.name() == name)
}
