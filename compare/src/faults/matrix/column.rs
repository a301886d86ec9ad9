//! The columns of the matrix: a cluster, what its producers ask for, and the historic rules that are on.

use std::collections::BTreeSet;
use std::fmt;

use isr_log::HistoricRules;
use partition::log::Durability;
use partition::partition::Acks;

use super::switch::Switch;
use crate::results::{acks_name, durability_name};
use crate::simulate::Mutant;
use crate::system::{MinIsr, Replicas, Shape, System};

/// One setting under which faults are committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The cluster.
    pub shape: Shape,
    /// What producers ask for.
    pub acks: Acks,
    /// The historic rules that are on.
    pub switches: BTreeSet<Switch>,
}

impl Column {
    /// All of the default matrix: the articles' question at two, three and five replicas; weaker acknowledgements and no
    /// syncs as controls; each historic rule where it matters.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let committed = [
            (System::Isr, 2, 1),
            (System::Isr, 2, 2),
            (System::Isr, 3, 1),
            (System::Isr, 3, 2),
            (System::Isr, 5, 3),
            (System::KOfIsr, 3, 2),
            (System::KOfIsr, 5, 3),
            (System::Quorum, 2, 2),
            (System::Quorum, 3, 2),
            (System::Quorum, 5, 3),
        ];
        let mut columns: Vec<Self> =
            committed.into_iter().map(|(system, n, m)| Self::of(system, n, m)).collect();
        for system in [System::Isr, System::Quorum] {
            let plain = Self::of(system, 3, 2);
            columns.push(Self { acks: Acks::Leader, ..plain.clone() });
            columns.push(Self { acks: Acks::Nobody, ..plain.clone() });
            let shape = Shape { durability: Durability::Cached, ..plain.shape };
            columns.push(Self { shape, ..plain });
        }
        columns.push(Self::of(System::Isr, 2, 2).with(Switch::TruncateByHighWatermark));
        columns.push(Self::of(System::Isr, 3, 2).with(Switch::TruncateByHighWatermark));
        columns.push(Self::of(System::Isr, 3, 2).with(Switch::LagByMessages));
        columns.push(Self::of(System::Isr, 3, 1).with(Switch::UncleanElection));
        columns.push(Self::of(System::Isr, 3, 2).with(Switch::LastMember));
        columns
    }

    /// Those that processes are run in: by the rules of today, with acknowledgements that can be waited for.
    #[must_use]
    pub fn on_processes() -> Vec<Self> {
        let mut columns = Self::all();
        columns.retain(|column| column.acks != Acks::Nobody && column.switches.is_empty());
        // What is compared most is measured first; what has to lose, to show that losses are seen, comes last.
        let promises_less =
            |column: &Self| column.acks != Acks::Committed || column.shape.durability != Durability::Synced;
        columns.sort_by_key(|column| (promises_less(column), column.shape.replicas.get() != 3));
        columns
    }

    pub(super) fn of(system: System, replicas: usize, min_isr: usize) -> Self {
        let replicas = Replicas::new(replicas).expect("a handful");
        let min_isr = MinIsr::new(min_isr, replicas).expect("no more than there are");
        let shape = Shape { system, replicas, min_isr, durability: Durability::Synced };
        Self { shape, acks: Acks::Committed, switches: BTreeSet::new() }
    }

    pub(super) fn with(mut self, switch: Switch) -> Self {
        self.switches.insert(switch);
        self
    }

    /// The rules that its nodes run by.
    #[must_use]
    pub fn rules(&self) -> HistoricRules {
        self.switches.iter().fold(HistoricRules::default(), |rules, switch| switch.turn(rules))
    }

    /// The rule that is broken in its nodes, where no configuration offers that.
    #[must_use]
    pub fn mutant(&self) -> Option<Mutant> {
        self.switches.iter().find_map(|switch| switch.mutant(self.shape.system))
    }

    /// The same where what is in the page cache counts as stored.
    pub(super) fn cached(self) -> Self {
        Self { shape: Shape { durability: Durability::Cached, ..self.shape }, ..self }
    }

    /// Whether this historic rule is on.
    #[must_use]
    pub fn has(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }
}

impl fmt::Display for Column {
    /// As `isr-3:2/committed/synced`, with the historic rules behind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durability = durability_name(self.shape.durability);
        write!(f, "{}/{}/{durability}", self.shape.setting(), acks_name(self.acks))?;
        self.switches.iter().try_for_each(|switch| write!(f, "/{switch}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_name_of_its_own() {
        let names: BTreeSet<String> = Column::all().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Column::all().len());
        assert!(names.contains("isr-3:2/committed/synced") && names.contains("quorum-3/leader/synced"));
        assert!(names.contains("isr-2:2/committed/synced/truncate-by-high-watermark"));
    }
}
