//! Which cells answer the question.

use std::time::Duration;

use partition::ids::{ByteSize, RecordCount};
use partition::log::Durability;
use partition::partition::Acks;

use crate::experiment::{Group, Plan, Producers, Setting};
use crate::system::{Hosting, MinIsr, Replicas, Shape, System};
use crate::workload::{BatchShape, Gathering, InFlight, Keys, Load, Payload, Span};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: about three minutes.
    Full,
    /// The replicas that the first sentence is about, in fewer and shorter blocks: about twenty seconds.
    Quick,
}

/// Decides the order of blocks and what records hold: the same in each run, so that runs differ only by the machine.
const SEED: u64 = 1;
const RECORD: ByteSize = ByteSize::kib(1);

impl Extent {
    /// Cells of one inner list share their blocks: 2 against 3 replicas is the question at equal copies lost. The
    /// others run apart, since clusters that are up disturb a little even when nothing is asked of them.
    fn replicas(self) -> &'static [&'static [usize]] {
        match self {
            Self::Full => &[&[1], &[2, 3], &[5]],
            Self::Quick => &[&[2, 3]],
        }
    }

    fn blocks(self) -> (usize, Duration) {
        match self {
            Self::Full => (8, Duration::from_millis(500)),
            Self::Quick => (5, Duration::from_millis(120)),
        }
    }
}

/// The plan of the main job.
#[must_use]
pub fn plan(extent: Extent) -> Plan {
    let (blocks, span) = extent.blocks();
    let record = BatchShape::new(RECORD, RecordCount(1)).expect("1 KiB is a size that is taken");
    Plan {
        groups: extent.replicas().iter().map(|replicas| group(replicas)).collect(),
        blocks,
        span: Span(span),
        lead_in: Plan::lead_in_of(Span(span)),
        payload: Payload::Numbered(record),
        gathering: Gathering::Beforehand,
        keys: Keys::default(),
        producers: Producers::ONE,
        seed: SEED,
        hosting: Hosting::Processes,
    }
}

fn group(replicas: &[usize]) -> Group {
    let mut group = Group::default();
    for replicas in replicas {
        let replicas = Replicas::new(*replicas).expect("the plan's own numbers are in range");
        for system in System::ASKED {
            for in_flight in [InFlight::ONE, InFlight::SIXTY_FOUR] {
                let min_isr = MinIsr::default_for(replicas);
                let shape = Shape { system, replicas, min_isr, durability: Durability::Synced };
                let load = Load::Closed(in_flight);
                group.cells.push(Setting { shape, acks: Acks::Committed, load });
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_run_is_what_was_asked_and_takes_three_minutes() {
        let plan = plan(Extent::Full);
        let cells: usize = plan.groups.iter().map(|group| group.cells.len()).sum();
        assert_eq!((cells, plan.blocks), (4 * 4 * 2, 8));
        assert!((120..170).contains(&plan.expected().as_secs()), "{:?}", plan.expected());
    }

    #[test]
    fn the_quick_run_leaves_time_to_start_and_end_in_twenty_seconds() {
        let plan = plan(Extent::Quick);
        assert!(plan.expected() < Duration::from_secs(15), "{:?}", plan.expected());
        let systems = plan.groups[0].shapes();
        assert_eq!(systems.len(), 2 * 4);
    }
}
