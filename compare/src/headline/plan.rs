//! Which cells answer the question.
//!
//! ```text
//!   three zones   n = 2, 3   the question: at equal replicas, and at equal copies lost; each with its floor; the knee
//!                 n = 3, 5   the same where two copies may be lost
//!   natural       n = 2, 3   the same with nothing injected: what this machine's own disk and cores make of it
//! ```

use std::time::Duration;

use partition::ids::{ByteSize, RecordCount};
use partition::log::Durability;
use partition::partition::Acks;

use crate::experiment::{Conditions, Group, LoadSweep, Plan, Producers, Setting};
use crate::profile::{NATURAL, Profile};
use crate::system::{Hosting, MinIsr, Replicas, Shape, System};
use crate::workload::{Arrivals, BatchShape, Gathering, InFlight, Keys, Load, Payload, Span};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: about three minutes.
    Full,
    /// The cells that the first sentence is about, in fewer and shorter blocks: about twenty seconds.
    Quick,
}

/// Where replicas stand in the headline: a zone each, on disks of their own, all of it injected and drawn independently,
/// so that it is the rules that differ and not what replicas on one machine do to each other.
pub const PROFILE: &str = "three-zones+cloud-disk";
/// Decides the order of blocks and what records hold: the same in each run, so that runs differ only by the machine.
const SEED: u64 = 1;
const RECORD: ByteSize = ByteSize::kib(1);
/// What of a load-latency curve tells most: no queue, half of what is held, and just before the knee.
const SHARES: &[u32] = &[10, 50, 90];

use System::{FloorAll, FloorMajority, Isr, Quorum};

/// Cells that share their blocks: each of these clusters, under each of these loads.
struct Part {
    profile: &'static str,
    /// System, replicas, min-ISR (of an in-sync set).
    clusters: &'static [(System, usize, usize)],
    in_flight: &'static [InFlight],
    /// Of these the knee is found too.
    swept: &'static [(System, usize, usize)],
}

/// The question itself: at equal replicas, and at equal copies lost.
const TWO_AND_THREE: &[(System, usize, usize)] = &[
    (Isr, 2, 2),
    (FloorAll, 2, 2),
    (FloorMajority, 2, 2),
    (Isr, 3, 2),
    (FloorAll, 3, 2),
    (Quorum, 3, 2),
    (FloorMajority, 3, 2),
];

const FULL: &[Part] = &[
    Part {
        profile: PROFILE,
        clusters: TWO_AND_THREE,
        in_flight: &[InFlight::ONE, InFlight::SIXTY_FOUR],
        swept: &[(Isr, 3, 2), (Quorum, 3, 2)],
    },
    Part {
        profile: PROFILE,
        clusters: &[(Isr, 3, 3), (Isr, 5, 3), (FloorAll, 5, 2), (Quorum, 5, 2), (FloorMajority, 5, 2)],
        in_flight: &[InFlight::ONE],
        swept: &[],
    },
    Part {
        profile: NATURAL,
        clusters: TWO_AND_THREE,
        in_flight: &[InFlight::ONE, InFlight::SIXTY_FOUR],
        swept: &[],
    },
];

const QUICK: &[Part] = &[
    Part {
        profile: PROFILE,
        clusters: &[(Isr, 2, 2), (Isr, 3, 2), (FloorAll, 3, 2), (Quorum, 3, 2), (FloorMajority, 3, 2)],
        in_flight: &[InFlight::ONE],
        swept: &[],
    },
    Part {
        profile: NATURAL,
        clusters: &[(Isr, 2, 2), (Isr, 3, 2), (Quorum, 3, 2)],
        in_flight: &[InFlight::ONE],
        swept: &[],
    },
];

impl Extent {
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Full => FULL,
            Self::Quick => QUICK,
        }
    }

    fn blocks(self) -> (usize, Duration) {
        match self {
            Self::Full => (8, Duration::from_millis(350)),
            Self::Quick => (5, Duration::from_millis(200)),
        }
    }

    /// What a reader may look for and does not find, and how to get it.
    #[must_use]
    pub fn left_out(self) -> &'static str {
        match self {
            Self::Full => {
                "Left out: other sizes (1, 4, 7), k-of-isr, acks nobody and leader, unsynced writes, slow and hanging \
                 replicas, other places, the curve's other points. `compare latency --help` has an option for each, \
                 as in `compare latency --processes --profile three-zones+cloud-disk --replicas 1,2,3,4,5,7 --survive \
                 1:0,1:1,2:1`."
            }
            Self::Quick => {
                "A quick look: few and short blocks, one write in flight. Without --quick, in three minutes: 64 in \
                 flight, the knee, five replicas, floors; with `compare latency --help`, all else."
            }
        }
    }
}

/// The plan of the main job.
#[must_use]
pub fn plan(extent: Extent) -> Plan {
    let (blocks, span) = extent.blocks();
    let record = BatchShape::new(RECORD, RecordCount(1)).expect("1 KiB is a size that is taken");
    Plan {
        groups: extent.parts().iter().map(Part::group).collect(),
        blocks,
        span: Span(span),
        lead_in: Plan::lead_in_of(Span(span)),
        workload: None,
        payload: Payload::Numbered(record),
        gathering: Gathering::Beforehand,
        keys: Keys::default(),
        producers: Producers::ONE,
        seed: SEED,
        hosting: Hosting::Processes,
    }
}

impl Part {
    fn group(&self) -> Group {
        let profile: Profile = self.profile.parse().expect("the plan's own profiles have names");
        let acks = Acks::Committed;
        let cells = self.clusters.iter().flat_map(|cluster| {
            let load = |in_flight: &InFlight| Setting {
                shape: shape(*cluster),
                acks,
                load: Load::Closed(*in_flight),
            };
            self.in_flight.iter().map(load)
        });
        let sweep = |cluster: &(System, usize, usize)| LoadSweep {
            shape: shape(*cluster),
            acks,
            arrivals: Arrivals::Poisson,
            shares: SHARES,
        };
        Group {
            cells: cells.collect(),
            sweeps: self.swept.iter().map(sweep).collect(),
            conditions: Conditions { profile, ..Conditions::default() },
        }
    }
}

fn shape((system, replicas, min_isr): (System, usize, usize)) -> Shape {
    let replicas = Replicas::new(replicas).expect("the plan's own numbers are in range");
    let min_isr = MinIsr::new(min_isr, replicas).expect("the plan's own numbers are in range");
    Shape { system, replicas, min_isr, durability: Durability::Synced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_run_takes_three_minutes_with_starts_and_ends() {
        let plan = plan(Extent::Full);
        assert!((120..165).contains(&plan.expected().as_secs()), "{:?}", plan.expected());
        assert!(
            plan.groups.len() <= 4,
            "each group takes five seconds to start, to be watched idle, and to end"
        );
    }

    #[test]
    fn the_quick_run_leaves_time_to_start_and_end_in_twenty_seconds() {
        let plan = plan(Extent::Quick);
        assert!(plan.expected() < Duration::from_secs(11), "{:?}", plan.expected());
    }

    #[test]
    fn both_run_the_question_in_three_zones_and_beside_it_with_nothing_injected() {
        for extent in [Extent::Full, Extent::Quick] {
            let plan = plan(extent);
            let profiles: Vec<&str> =
                plan.groups.iter().map(|group| group.conditions.profile.name.as_str()).collect();
            assert_eq!((profiles.first(), profiles.last()), (Some(&PROFILE), Some(&NATURAL)));
            for group in [plan.groups.first().unwrap(), plan.groups.last().unwrap()] {
                for cluster in [(Isr, 2, 2), (Isr, 3, 2), (Quorum, 3, 2)] {
                    assert!(group.shapes().contains(&shape(cluster)), "{cluster:?}");
                }
            }
        }
    }

    #[test]
    fn no_cluster_runs_in_two_groups_under_the_same_conditions() {
        let plan = plan(Extent::Full);
        let mut seen = Vec::new();
        for group in &plan.groups {
            for shape in group.shapes() {
                let both = (group.conditions.profile.name.clone(), shape);
                assert!(!seen.contains(&both), "{both:?} would be two cells of one name");
                seen.push(both);
            }
        }
    }

    #[test]
    fn what_is_left_out_names_the_profile_that_was_used() {
        assert!(Extent::Full.left_out().contains(PROFILE));
    }
}
