//! How a mutant is hunted: what puts weight on its rule.

use partition::fault::Schedule;
use partition::ids::ByteSize;
use partition::log::Durability;

use super::{isr, quorum};
use crate::simulate::{FaultChoice, Mutant, Scenario, Twist};
use crate::system::{MinIsr, Replicas, Shape};

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
    /// What must be sound where nothing is broken.
    pub control: Control,
    /// Why no run can catch it, where that is so.
    pub out_of_reach: Option<&'static str>,
}

/// What must be sound in the same seeds where nothing is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// All: nothing is violated, and the cluster heals.
    Whole,
    /// Nothing is violated. The faults destroy more than the system promises to go on after: it waits rather than lie.
    Safety,
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
        Self { mutant, broken, faults, fetch_bytes, control: Control::Whole, out_of_reach: None }
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
        let twist = Twist { mutant: None, fetch_bytes: self.fetch_bytes };
        Scenario::of(seed, shape, FaultChoice::These(faults)).twisted(twist)
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
