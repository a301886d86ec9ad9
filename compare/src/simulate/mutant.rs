//! A rule of either system that is broken on purpose in a run: what the judge has to find.

use std::fmt;
use std::str::FromStr;

use partition::simulation::Simulation;

use crate::node::Broken;
use crate::system::System;

/// A rule that is broken in the nodes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// One of isr's, in its brokers and controllers.
    Isr(isr_log::mutant::Mutant),
    /// One of quorum's, in its voters.
    Quorum(quorum_log::mutant::Mutant),
}

impl Mutant {
    /// Each rule of both systems.
    pub fn all() -> impl Iterator<Item = Self> {
        let isr = isr_log::mutant::Mutant::ALL.into_iter().map(Self::Isr);
        isr.chain(quorum_log::mutant::Mutant::ALL.into_iter().map(Self::Quorum))
    }

    /// In which system it is put to the test: its own. What a disk that passes for another one is believed weighs on polls: by
    /// all in sync everybody asked has all, and the one with most is elected whatever another claims.
    #[must_use]
    pub fn system(self) -> System {
        match self {
            Self::Isr(isr_log::mutant::Mutant::WipedDiskPasses) => System::KOfIsr,
            Self::Isr(rule) if rule.is_of_enough() => System::KOfIsr,
            Self::Isr(_) => System::Isr,
            Self::Quorum(_) => System::Quorum,
        }
    }

    /// What the nodes of this simulation are started with.
    pub(super) fn put_to_work(mutant: Option<Self>, simulation: &Simulation) -> Broken {
        let mut broken = Broken::default();
        match mutant {
            None => {}
            Some(Self::Isr(rule)) => broken.isr = isr_log::mutant::Mutated::by(rule, simulation),
            Some(Self::Quorum(rule)) => broken.quorum = quorum_log::mutant::Mutated::by(rule, simulation),
        }
        broken
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isr(mutant) => write!(f, "isr/{mutant}"),
            Self::Quorum(mutant) => write!(f, "quorum/{mutant}"),
        }
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::all().find(|mutant| mutant.to_string() == text);
        named.ok_or_else(|| format!("no mutant is named {text:?}; `compare faults --mutants` lists them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_that_leads_back_to_it() {
        for mutant in Mutant::all() {
            assert_eq!(mutant.to_string().parse(), Ok(mutant));
        }
        assert!("isr/Nothing".parse::<Mutant>().is_err());
    }
}
