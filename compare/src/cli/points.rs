//! The lists of a sweep: what each entry may be.

use std::str::FromStr;

use crate::system::{MinIsr, Replicas, System};

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
    fn floor_makes_both_floors() {
        assert_eq!("floor".parse(), Ok(Systems(vec![System::FloorAll, System::FloorMajority])));
        assert_eq!("isr".parse(), Ok(Systems(vec![System::Isr])));
        assert!("raft".parse::<Systems>().is_err());
    }
}
