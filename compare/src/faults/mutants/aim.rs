//! How a mutant is hunted: what puts weight on its rule.

use partition::fault::Schedule;
use partition::ids::ByteSize;
use partition::log::Durability;

use super::{isr, quorum};
use crate::simulate::{FaultChoice, Leasing, Mutant, Scenario, Twist};
use crate::system::{MinIsr, Replicas, Shape};

/// Each node loses its power once; the leader first, and again last.
pub(super) const CRASHES: &str =
    "1s+800ms power-loss 1; 3s+800ms power-loss 2; 5s+800ms power-loss 3; 7s+800ms power-loss 1";
/// The leader dies while one follower is behind; what the other one says to the controllers comes later.
pub(super) const BEHIND: &str = "0s+9s delay 1>2 200ms; 0s+9s delay 3>101 60ms; 0s+9s delay 3>102 60ms; 0s+9s delay 3>103 60ms; \
     2s+3s power-loss 1; 7s+1s power-loss 1";
/// Committing takes long, and producers lose their connections meanwhile: they send again what is under way.
pub(super) const RESENDS: &str = "0s+9s delay 2>1 150ms; 0s+9s delay 3>1 150ms; 1s reset 1001-1; 1300ms reset 1002-1; 1600ms reset 1003-1; \
     1900ms reset 1004-1; 2200ms reset 1001-1; 2500ms reset 1002-1; 2800ms reset 1003-1; 3100ms reset 1004-1; \
     3400ms reset 1001-1; 3700ms reset 1002-1; 4s reset 1003-1; 4300ms reset 1004-1";
/// By the leader's clock time is up for what is about to be committed.
pub(super) const CLOCK_AHEAD: &str = "1s+8s delay 2>1 40ms; 1s+8s delay 3>1 40ms; 2s ahead 1 4s; 3s ahead 1 4s; 4s ahead 1 4s; 5s ahead 1 4s; \
     6s ahead 1 4s";

/// How a mutant is hunted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The rule that is broken.
    pub mutant: Mutant,
    /// What is broken, in words.
    pub broken: &'static str,
    /// The faults that put weight on the rule, as text. Chance still places clients, loads, delays and timers.
    pub faults: &'static str,
    /// isr: about how much one fetch brings.
    pub fetch_bytes: ByteSize,
    /// isr: how linearizable reads are proved.
    pub leasing: Leasing,
    /// In which run what catches it; of those that nothing else shows.
    pub pin: Option<Pin>,
}

/// A run that shows a mutant: the tests of each build repeat it, so that no change makes the judge blind unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its seed.
    pub seed: u64,
    /// The name of what catches it there: an invariant, or an anomaly that the checker finds.
    pub by: &'static str,
}

/// All mutants, each with its aim.
#[must_use]
pub fn aims() -> Vec<Aim> {
    let aim = |mutant| match mutant {
        Mutant::Isr(rule) => isr::aim(rule),
        Mutant::Quorum(rule) => quorum::aim(rule),
    };
    Mutant::all().map(aim).collect()
}

impl Aim {
    pub(super) fn at(mutant: Mutant, broken: &'static str, faults: &'static str) -> Self {
        let fetch_bytes = Twist::default().fetch_bytes;
        Self { mutant, broken, faults, fetch_bytes, leasing: Leasing::Off, pin: None }
    }

    /// The same, whose mutant is caught at this seed by this name.
    pub(super) fn pinned(self, seed: u64, by: &'static str) -> Self {
        Self { pin: Some(Pin { seed, by }), ..self }
    }

    /// What a seed decides where nothing is broken.
    ///
    /// # Panics
    /// When the faults are not written as faults are: a test reads them all.
    #[must_use]
    pub fn sound(&self, seed: u64) -> Scenario {
        let replicas = Replicas::new(3).expect("a legal number");
        let shape = Shape {
            system: self.mutant.system(),
            replicas,
            min_isr: MinIsr::default_for(replicas),
            durability: Durability::Synced,
        };
        let faults: Schedule = self.faults.parse().expect("faults are written as faults are");
        let twist = Twist { fetch_bytes: self.fetch_bytes, ..Twist::default() };
        Scenario::leased(seed, shape, FaultChoice::These(faults), self.leasing).twisted(twist)
    }

    /// The same with its rule broken.
    #[must_use]
    pub fn mutated(&self, seed: u64) -> Scenario {
        let sound = self.sound(seed);
        let twist = Twist { mutant: Some(self.mutant), ..sound.twist };
        sound.twisted(twist)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_an_aim_whose_faults_are_written_as_faults_are() {
        for aim in aims() {
            assert_eq!(aim.sound(1).twist.mutant, None, "{}: nothing is broken", aim.mutant);
            assert_eq!(aim.mutated(1).twist.mutant, Some(aim.mutant));
            assert!(!aim.sound(1).faults.episodes.is_empty(), "{}", aim.mutant);
        }
    }
}
