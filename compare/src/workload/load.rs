//! How work arrives: the next batch when one is answered, or by a schedule that waits for nobody.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::closed_loop::InFlight;

/// How work arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// So many batches in flight, the next when one is answered.
    Closed(InFlight),
    /// By a schedule.
    Open(Schedule),
}

/// When records are due, whatever became of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Schedule {
    /// How many.
    pub rate: Rate,
    /// How they scatter.
    pub arrivals: Arrivals,
    /// So many per cent of the system's own knee, if that is what the rate is.
    pub of_knee: Option<Percent>,
}

/// A share of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u32);

/// Records a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u32);

/// How arrivals scatter around their rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// At even distances: one client that keeps time.
    Constant,
    /// Independent of each other: many clients that know nothing of one another.
    Poisson,
}

impl Rate {
    /// More than one client process here could send.
    pub const MAX: u32 = 10_000_000;

    /// So many a second.
    #[must_use]
    pub fn new(records: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&records).then_some(Self(records))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// So many per cent of it, at least 1.
    #[must_use]
    pub fn share(self, percent: Percent) -> Self {
        let share = u64::from(self.0) * u64::from(percent.0) / 100;
        Self(u32::try_from(share).unwrap_or(Self::MAX).clamp(1, Self::MAX))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rate = text.parse().ok().and_then(Self::new);
        rate.ok_or_else(|| format!("a rate is 1 to {} records a second, not {text:?}", Self::MAX))
    }
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            _ => Err(format!("{text:?} is none of constant, poisson")),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        })
    }
}

impl Schedule {
    /// The mean time from one batch of so many records to the next.
    #[must_use]
    pub fn mean_gap(&self, records: u32) -> Duration {
        Duration::from_secs_f64(f64::from(records) / f64::from(self.rate.0))
    }

    /// The time to the next batch of so many records.
    pub(super) fn gap(&self, records: u32, random: &mut StdRng) -> Duration {
        let mean = self.mean_gap(records);
        match self.arrivals {
            Arrivals::Constant => mean,
            Arrivals::Poisson => mean.mul_f64(-(1.0 - random.random::<f64>()).ln()),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(in_flight) => write!(f, "{in_flight} in flight"),
            Self::Open(Schedule { rate, arrivals, .. }) => write!(f, "{} a second ({arrivals})", rate.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn poisson_arrivals_have_their_rate_and_scatter_and_repeat() {
        let gaps = |arrivals, seed| -> Vec<f64> {
            let schedule = Schedule { rate: Rate(1000), arrivals, of_knee: None };
            let mut random = StdRng::seed_from_u64(seed);
            (0..10_000).map(|_| schedule.gap(5, &mut random).as_secs_f64()).collect()
        };
        let mean = |gaps: &[f64]| gaps.iter().sum::<f64>() / gaps.len() as f64;
        let poisson = gaps(Arrivals::Poisson, 1);
        assert!((mean(&poisson) / 0.005 - 1.0).abs() < 0.03, "{}", mean(&poisson));
        // Of exponential gaps, 1 - 1/e are shorter than the mean.
        let shorter = poisson.iter().filter(|gap| **gap < 0.005).count();
        assert!((6_170..6_470).contains(&shorter), "{shorter}");
        assert_eq!(poisson, gaps(Arrivals::Poisson, 1));
        assert!(gaps(Arrivals::Constant, 1).iter().all(|gap| (gap - 0.005).abs() < 1e-9));
    }

    #[test]
    fn a_rate_is_a_positive_number() {
        assert_eq!("1000".parse::<Rate>().unwrap().get(), 1000);
        for wrong in ["0", "-1", "x", "99999999", ""] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?}");
        }
    }
}
