//! Faults that seeds draw, on processes: what nobody thought of when the rows were written.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use partition::clock::{Clock, Moment};
use partition::fault::{DiskFault, Fault, Kind, ProcessFault, Schedule};
use partition::ids::NodeId;

use super::{AT_ONCE, Processes, hand, play};
use crate::faults::matrix::measured::Seen;
use crate::faults::matrix::trial::{CONTROLLERS, Trial};
use crate::history::History;
use crate::simulate::{FaultChoice, Finding, Halt, Leasing, Met, Scenario, Told};
use crate::system::{LaunchError, Shape};

/// One trial under faults that its seed drew.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The seed.
    pub seed: u64,
    /// What ran.
    pub shape: Shape,
    /// What went wrong, and when.
    pub faults: Schedule,
    /// What replicas went through.
    pub met: Met,
    /// What clients were told.
    pub told: Told,
    /// How long the cluster took to be whole again.
    pub healed: Option<Duration>,
    /// What was wrong.
    pub findings: Vec<Finding>,
    /// What clients saw, where something was wrong: a seed repeats the faults, and not what real processes do meanwhile.
    pub history: Option<History>,
}

impl Drawn {
    fn of(trial: Trial, seen: Seen) -> Self {
        let Scenario { seed, shape, faults, .. } = trial.scenario;
        let Seen { met, healed, findings, history, .. } = seen;
        let told = Told::by(&history);
        let history = (!findings.is_empty()).then_some(history);
        Self { seed, shape, faults, met, told, healed, findings, history }
    }

    /// How often each kind of fault was drawn, by the word that schedules use.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for episode in &self.faults.episodes {
            let fault = episode.fault.to_string();
            let kind = fault.split(' ').next().unwrap_or_default().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
        kinds
    }
}

impl Processes {
    /// Runs these clusters in turn, a seed each, until that much time has passed; what has begun by then comes to its end. Each trial is
    /// handed to `done` when it has.
    ///
    /// # Errors
    /// [`LaunchError::BadInput`] when no cluster can be launched here.
    pub fn under_drawn_faults(
        &self,
        shapes: &[Shape],
        first: u64,
        lasts: Duration,
        halt: &Halt,
        done: impl FnMut(Drawn) + Send,
    ) -> Result<(), LaunchError> {
        let clock = Clock::real();
        let ends = clock.now().after(lasts);
        let next = AtomicU64::new(first);
        let done = Mutex::new(done);
        let work = || -> Result<(), LaunchError> {
            while !halt.is_set() && clock.now() < ends {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                let turn = usize::try_from(seed % shapes.len() as u64).expect("a handful");
                let trial = trial(shapes[turn], seed);
                let seen = play::play(&self.program, &self.premises, &trial)?;
                done.lock().expect("no holder panics")(Drawn::of(trial, seen));
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("it does not panic"))
        })
    }
}

/// What this seed decides: clients, and of all faults those that processes can have.
fn trial(shape: Shape, seed: u64) -> Trial {
    let kinds = Kind::all().into_iter().filter(|kind| !matches!(kind, Kind::FlipBit | Kind::Bridge));
    let wipes = shape.system.is_in_sync() && shape.min_isr.get() > 1;
    // A voter that forgets is beyond what a majority bears.
    let kinds = kinds.filter(|kind| *kind != Kind::Wipe || wipes).collect();
    let mut scenario = Scenario::leased(seed, shape, FaultChoice::Kinds(kinds), Leasing::Off);
    let launched = |node: NodeId| node.0 as usize <= shape.replicas.get() || CONTROLLERS.contains(&node.0);
    // Spares, for whom there is no process.
    let hits_somebody = |fault: &Fault| fault.node().is_none_or(launched);
    scenario.faults.episodes.retain(|episode| hits_somebody(&episode.fault) && can_have(&episode.fault));
    let begins = scenario.faults.episodes.first().map(|first| first.at.since(Moment::default()));
    Trial { begins: begins.unwrap_or_default(), scenario }
}

/// Whether processes can have this fault. Controllers are killed, and no more: the rest is for replicas.
fn can_have(fault: &Fault) -> bool {
    let at_controller = fault.node().is_some_and(|node| CONTROLLERS.contains(&node.0));
    match fault {
        Fault::Process { fault, .. } if at_controller => *fault == ProcessFault::Kill,
        Fault::Disk { .. } if at_controller => false,
        Fault::Disk { fault: DiskFault::FlipBit { .. }, .. } => false,
        fault => hand::possible(fault).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::matrix::column::Column;
    use crate::system::System;

    #[test]
    fn seeds_draw_faults_of_many_kinds_and_none_that_processes_cannot_have() {
        let shape = Column::of(System::Isr, 3, 2).shape;
        let mut kinds = BTreeMap::new();
        for seed in 0..60 {
            let trial = trial(shape, seed);
            for episode in &trial.scenario.faults.episodes {
                assert!(hand::possible(&episode.fault).is_ok(), "{}", episode.fault);
                let node = episode.fault.node().map_or(1, |node| node.0);
                assert!(node <= 3 || CONTROLLERS.contains(&node), "{}", episode.fault);
                *kinds.entry(episode.fault.to_string().split(' ').next().unwrap().to_owned()).or_insert(0) +=
                    1;
            }
        }
        for kind in
            ["cut", "split", "flap", "kill", "power-loss", "pause", "stop", "wipe", "full", "sync-error"]
        {
            assert!(kinds.contains_key(kind), "{kind} is never drawn: {kinds:?}");
        }
        assert!(!kinds.contains_key("drift") && !kinds.contains_key("power-loss-midway"));
    }
}
