//! The lists of a sweep: what each entry may be.

use std::fmt;
use std::str::FromStr;

use partition::log::Durability;

use crate::system::{MinIsr, Replicas, Shape, System};
use crate::workload::Rate;

/// An entry of `--systems`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Systems(pub(super) Vec<System>);

impl FromStr for Systems {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "floor" {
            return Ok(Self(vec![System::FloorAll, System::FloorMajority]));
        }
        let known = text.parse().map(|system| Self(vec![system]));
        known.map_err(|_| {
            format!("{text:?} is none of isr, k-of-isr, quorum, floor, floor-all, floor-majority")
        })
    }
}

/// An entry of `--replicas`: a number, with min-ISR behind a colon if it has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) replicas: Replicas,
    pub(super) min_isr: Option<usize>,
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (replicas, min_isr) = match text.split_once(':') {
            Some((replicas, min_isr)) => (replicas, Some(parse_min_isr(min_isr)?)),
            None => (text, None),
        };
        Ok(Self { replicas: replicas.parse().map_err(|error| format!("{error}"))?, min_isr })
    }
}

/// A min-ISR before it is known of how many replicas: at least 1.
pub(super) fn parse_min_isr(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count >= 1);
    count.ok_or_else(|| format!("min-isr must be at least 1, not {text:?}"))
}

impl Point {
    /// The min-ISR of this point, where `general` is that of `--min-isr`; clamped to the replicas, and whether it was.
    pub(super) fn min_isr(&self, general: Option<usize>) -> (MinIsr, Clamped) {
        let Some(asked) = self.min_isr.or(general) else {
            return (MinIsr::default_for(self.replicas), Clamped::No);
        };
        let taken = asked.min(self.replicas.get());
        let min_isr = MinIsr::new(taken, self.replicas).expect("at least 1, and at most the replicas");
        (min_isr, if taken == asked { Clamped::No } else { Clamped::From(asked) })
    }
}

/// Whether a min-ISR was more than the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clamped {
    No,
    From(usize),
}

/// An entry of `--rate`: so many a second, or whatever a sweep finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Rate(Rate),
    /// Shares of the knee, which is found first.
    Sweep,
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "sweep" {
            return Ok(Self::Sweep);
        }
        text.parse().map(Self::Rate).map_err(|error| format!("{error}; or sweep"))
    }
}

/// An entry of `--survive`: copies that may be destroyed, and replicas that may be down with writes going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survive {
    pub(super) lost_copies: usize,
    pub(super) dead_replicas: usize,
}

impl Survive {
    /// The smallest cluster of this system that survives it. An in-sync set keeps both promises at once, a majority and
    /// k-of-isr either one. A floor stands beside the system that it lies under.
    pub(super) fn shape(self, system: System, durability: Durability) -> Shape {
        let Self { lost_copies, dead_replicas } = self;
        let worst = lost_copies.max(dead_replicas);
        let replicas = match system {
            System::Isr | System::FloorAll => self.in_sync(),
            System::Quorum | System::FloorMajority => self.majority(),
            System::KOfIsr => worst + 1 + dead_replicas,
        };
        let replicas = Replicas::new(replicas).expect("checked when it was read");
        let needed = |count| MinIsr::new(count, replicas).expect("by how the replicas were counted");
        let min_isr = match system {
            System::Isr => needed(lost_copies + 1),
            System::KOfIsr => needed(worst + 1),
            System::Quorum | System::FloorAll | System::FloorMajority => MinIsr::default_for(replicas),
        };
        Shape { system, replicas, min_isr, durability }
    }

    fn in_sync(self) -> usize {
        self.lost_copies + self.dead_replicas + 1
    }

    fn majority(self) -> usize {
        2 * self.lost_copies.max(self.dead_replicas) + 1
    }
}

impl FromStr for Survive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let most = Replicas::MAX;
        let wrong = || format!("not D:A, copies destroyed and replicas down: {text:?} (for example 1:1)");
        let (lost, dead) = text.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| text.parse().ok().filter(|count| *count < most);
        let survive = Self {
            lost_copies: number(lost).ok_or_else(wrong)?,
            dead_replicas: number(dead).ok_or_else(wrong)?,
        };
        if survive.in_sync().max(survive.majority()) > most {
            return Err(format!(
                "to survive {text} takes {} replicas in sync and a majority of {}; there are at most {most}",
                survive.in_sync(),
                survive.majority(),
            ));
        }
        Ok(survive)
    }
}

impl fmt::Display for Survive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lost_copies, self.dead_replicas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_names_replicas_and_its_own_min_isr() {
        let min_isr = |text: &str, general| {
            let (min_isr, clamped) = text.parse::<Point>().unwrap().min_isr(general);
            (min_isr.get(), clamped)
        };
        assert_eq!(min_isr("3", None), (2, Clamped::No));
        assert_eq!(min_isr("1", None), (1, Clamped::No));
        assert_eq!(min_isr("3:3", Some(1)), (3, Clamped::No));
        assert_eq!(min_isr("3", Some(1)), (1, Clamped::No));
        assert_eq!(min_isr("2:5", None), (2, Clamped::From(5)));
        for wrong in ["0", "99", "3:0", "3:", ":2", "x", ""] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong:?} was taken for a point");
        }
    }

    #[test]
    fn equal_failures_are_survived_by_what_the_model_says() {
        let shapes = |text: &str| {
            let survive = text.parse::<Survive>().unwrap();
            [System::Isr, System::Quorum, System::KOfIsr].map(|system| {
                let shape = survive.shape(system, Durability::Synced);
                (shape.replicas.get(), shape.min_isr.get())
            })
        };
        assert_eq!(shapes("1:1"), [(3, 2), (3, 2), (3, 2)]);
        assert_eq!(shapes("1:0"), [(2, 2), (3, 2), (2, 2)]);
        assert_eq!(shapes("2:1"), [(4, 3), (5, 2), (4, 3)]);
        assert_eq!(shapes("0:2"), [(3, 1), (5, 2), (5, 3)]);
        assert_eq!(shapes("0:0"), [(1, 1), (1, 1), (1, 1)]);
        for wrong in ["1", "1:", ":1", "x:1", "-1:0", "5:0", "0:5", "4:5", "9:0", "99:1"] {
            assert!(wrong.parse::<Survive>().is_err(), "{wrong:?}");
        }
    }

    /// Whatever is asked, each shape really survives it, and one replica less would not.
    #[test]
    fn what_survives_is_enough_and_no_more() {
        for (lost, dead) in (0..=4).flat_map(|lost| (0..=4).map(move |dead| (lost, dead))) {
            let Ok(survive) = format!("{lost}:{dead}").parse::<Survive>() else { continue };
            for system in [System::Isr, System::Quorum, System::KOfIsr] {
                let shape = survive.shape(system, Durability::Synced);
                let able = |shape: Shape| {
                    let survives = shape.survives();
                    survives.lost_copies >= lost && survives.dead_replicas >= dead
                };
                assert!(able(shape), "{survive}: {shape:?}");
                let fewer = Replicas::new(shape.replicas.get() - 1);
                let Ok(fewer) = fewer else { continue };
                let least = (1..=fewer.get()).any(|m| {
                    able(Shape { replicas: fewer, min_isr: MinIsr::new(m, fewer).unwrap(), ..shape })
                });
                assert!(!least, "{survive}: {system} with {fewer} would do");
            }
        }
    }

    #[test]
    fn floor_makes_both_floors() {
        assert_eq!("floor".parse(), Ok(Systems(vec![System::FloorAll, System::FloorMajority])));
        assert_eq!("isr".parse(), Ok(Systems(vec![System::Isr])));
        assert!("raft".parse::<Systems>().is_err());
    }
}
