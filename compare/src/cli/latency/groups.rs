//! Which cells a sweep has, and which of them are measured in the same blocks.
//!
//! ```text
//!   --replicas 2,3 --survive 1:0        n = 2          n = 3                1:0
//!                                       isr 2:2        isr 3:2              isr 2:2
//!                                       quorum 2       quorum 3             quorum 3
//!                                       └───────── one group: they share clusters ────────┘
//! ```
//! Sets of cells that share no cluster are measured one after the other, so that as few clusters as can be are up.

use std::collections::BTreeMap;

use partition::log::Durability;
use partition::partition::Acks;

use super::super::points::{Clamped, Pace, Point};
use super::LatencyArgs;
use crate::experiment::{Conditions, Group, LoadSweep, Setting};
use crate::node::{Partitions, Scale};
use crate::profile::Profile;
use crate::system::{Hosts, MinIsr, Replicas, Shape, System};
use crate::workload::{Arrivals, InFlight, Load, Schedule};

/// Replica counts that are taken where nothing is said.
const REPLICAS: [usize; 4] = [1, 2, 3, 5];
/// How many are in flight where nothing is said.
const IN_FLIGHT: [InFlight; 2] = [InFlight::ONE, InFlight::SIXTY_FOUR];

impl LatencyArgs {
    /// All cells, in groups; and what the user should know of them.
    pub(super) fn groups(&self, hosts: Option<&Hosts>) -> (Vec<Group>, Vec<String>) {
        let mut remarks = Vec::new();
        let mut groups = Vec::new();
        for profile in &self.profile {
            for slow in &self.slow_replicas {
                for partitions in self.partitions() {
                    let scale = Scale { partitions, heartbeats: self.heartbeats };
                    self.join_groups(&mut groups, &mut remarks, (profile, *slow, scale));
                }
            }
        }
        groups.retain(|group| !group.shapes().is_empty());
        groups.iter_mut().for_each(|group| group.conditions.hosts = hosts.cloned());
        remarks.dedup();
        (groups, remarks)
    }

    fn join_groups(
        &self,
        groups: &mut Vec<Group>,
        remarks: &mut Vec<String>,
        (profile, slow, scale): (&Profile, usize, Scale),
    ) {
        let conditions =
            Conditions { profile: profile.clone(), slow_replicas: slow, hang: self.hang, scale, hosts: None };
        for durability in &self.durability {
            for shapes in self.sets(*durability, remarks) {
                let followers = shapes.iter().map(|shape| shape.replicas.get() - 1).min().unwrap_or(0);
                if slow > followers {
                    remarks.push(format!(
                        "a cluster of {} has {followers} followers; --slow-replicas {slow} leaves it out",
                        followers + 1
                    ));
                }
                let shapes = shapes.into_iter().filter(|shape| slow < shape.replicas.get());
                if scale.partitions == Partitions::ONE {
                    join(groups, self.group(&shapes.collect::<Vec<_>>(), conditions.clone()));
                    continue;
                }
                // Idle ones of many partitions would take from those that are measured.
                let (floors, systems): (Vec<Shape>, Vec<Shape>) = shapes.partition(is_floor);
                if !floors.is_empty() {
                    remarks
                        .push("a floor has one partition, and is left out where there are more".to_owned());
                }
                for shape in systems {
                    join(groups, self.group(&[shape], conditions.clone()));
                }
            }
        }
    }

    /// Shapes that are compared: of so many replicas each, and those that survive the same.
    fn sets(&self, durability: Durability, remarks: &mut Vec<String>) -> Vec<Vec<Shape>> {
        let systems = || self.systems.iter().flat_map(|systems| &systems.0).copied();
        let mut points: BTreeMap<Replicas, Vec<Point>> = BTreeMap::new();
        for point in self.points() {
            points.entry(point.replicas).or_default().push(point);
        }
        let mut sets = Vec::new();
        for (replicas, points) in points {
            let mut set = Vec::new();
            for point in points {
                let (min_isr, clamped) = point.min_isr(self.min_isr);
                if let Clamped::From(asked) = clamped {
                    let remark =
                        format!("min-isr {asked} is more than {replicas} replicas; {min_isr} is taken");
                    if !remarks.contains(&remark) {
                        remarks.push(remark);
                    }
                }
                set.extend(systems().map(|system| {
                    let min_isr = if system.is_in_sync() { min_isr } else { MinIsr::default_for(replicas) };
                    Shape { system, replicas, min_isr, durability }
                }));
            }
            sets.push(set);
        }
        sets.extend(
            self.survive
                .iter()
                .map(|survive| systems().map(|system| survive.shape(system, durability)).collect()),
        );
        sets
    }

    fn points(&self) -> Vec<Point> {
        if !self.replicas.is_empty() || !self.survive.is_empty() {
            return self.replicas.clone();
        }
        let usual = |count: usize| Replicas::new(count).expect("the usual counts are in range");
        REPLICAS.iter().map(|count| Point { replicas: usual(*count), min_isr: None }).collect()
    }

    fn group(&self, shapes: &[Shape], conditions: Conditions) -> Group {
        let mut group = Group { conditions, ..Group::default() };
        for shape in shapes {
            for acks in self.acks() {
                for load in self.loads() {
                    group.cells.push(Setting { shape: *shape, acks, load });
                }
                if self.rate.contains(&Pace::Sweep) {
                    let (arrivals, shares) = (self.arrivals(), LoadSweep::SHARES);
                    group.sweeps.push(LoadSweep { shape: *shape, acks, arrivals, shares });
                }
            }
        }
        group
    }

    /// How many partitions there are to be: each number in clusters of its own.
    pub(super) fn partitions(&self) -> Vec<Partitions> {
        if self.partitions.is_empty() { vec![Partitions::ONE] } else { self.partitions.clone() }
    }

    fn acks(&self) -> Vec<Acks> {
        if self.acks.is_empty() { vec![Acks::Committed] } else { self.acks.clone() }
    }

    fn arrivals(&self) -> Arrivals {
        self.arrivals.unwrap_or(Arrivals::Poisson)
    }

    /// How work is to arrive, as far as that is known before anything runs.
    fn loads(&self) -> Vec<Load> {
        let arrivals = self.arrivals();
        let open = |pace: &Pace| match pace {
            Pace::Rate(rate) => Some(Load::Open(Schedule { rate: *rate, arrivals, of_knee: None })),
            Pace::Sweep => None,
        };
        let closed = if self.in_flight.is_empty() { &IN_FLIGHT } else { &self.in_flight[..] };
        if self.rate.is_empty() {
            closed.iter().copied().map(Load::Closed).collect()
        } else {
            self.rate.iter().filter_map(open).collect()
        }
    }
}

fn is_floor(shape: &Shape) -> bool {
    matches!(shape.system, System::FloorAll | System::FloorMajority)
}

/// Adds cells to those that share a cluster with them, which then are one group; each cell once.
fn join(groups: &mut Vec<Group>, new: Group) {
    let shapes = new.shapes();
    let meets = |group: &Group| {
        group.conditions == new.conditions && group.shapes().iter().any(|shape| shapes.contains(shape))
    };
    let at = groups.iter().position(meets).unwrap_or(groups.len());
    let (met, mut apart): (Vec<Group>, Vec<Group>) = groups.drain(..).partition(meets);
    let mut joined = Group { conditions: new.conditions.clone(), ..Group::default() };
    for group in met.into_iter().chain([new]) {
        add_new(&mut joined.cells, group.cells);
        add_new(&mut joined.sweeps, group.sweeps);
    }
    apart.insert(at, joined);
    *groups = apart;
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}
