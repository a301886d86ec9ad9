//! How long frames and syncs take: distributions, each a seeded draw.

use std::fmt;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// Nothing takes longer, however long a distribution's tail is.
const LATENCY_MAX: Duration = Duration::from_secs(10);

/// How long a frame takes on its way, or a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Any time between the two, each as likely.
    Uniform {
        /// At least.
        least: Duration,
        /// At most.
        most: Duration,
    },
    /// Some time, and a further one that is as likely to end at any moment.
    Exponential {
        /// At least.
        least: Duration,
        /// How much longer, on average.
        mean: Duration,
    },
    /// Most near the median, a few far above: a network with queues.
    LogNormal {
        /// Half take less.
        median: Duration,
        /// The standard deviation of the logarithm, in thousandths.
        sigma_permille: u32,
    },
    /// One time, or now and then another: a link that loses its way.
    Bimodal {
        /// Mostly.
        usual: Duration,
        /// Now and then.
        slow: Duration,
        /// How often, of a thousand.
        slow_permille: u32,
    },
}

impl Default for Latency {
    /// A data centre's: 50 to 150 microseconds.
    fn default() -> Self {
        Self::Uniform { least: Duration::from_micros(50), most: Duration::from_micros(150) }
    }
}

impl Latency {
    /// One of several profiles, from a data centre's to a bad day's: what a seed draws for a run.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let (micros, millis) = (Duration::from_micros, Duration::from_millis);
        match seed % 6 {
            0 => Self::default(),
            1 => Self::Constant(micros(100)),
            2 => Self::Exponential { least: micros(50), mean: micros(500) },
            3 => Self::LogNormal { median: micros(300), sigma_permille: 1000 },
            4 => Self::Bimodal { usual: micros(100), slow: millis(40), slow_permille: 20 },
            _ => Self::Uniform { least: micros(50), most: millis(5) },
        }
    }

    /// What half of them do not exceed.
    #[must_use]
    pub fn median(self) -> Duration {
        match self {
            Self::Constant(always) => always,
            Self::Uniform { least, most } => (least + most) / 2,
            Self::Exponential { least, mean } => least + mean.mul_f64(std::f64::consts::LN_2),
            Self::LogNormal { median, .. } => median,
            Self::Bimodal { usual, .. } => usual,
        }
    }

    /// How long the next one takes.
    #[must_use]
    pub fn draw(self, random: &mut StdRng) -> Duration {
        let drawn =
            match self {
                Self::Constant(always) => always,
                Self::Uniform { least, most } => random.random_range(least..=most.max(least)),
                Self::Exponential { least, mean } => least + mean.mul_f64(-above_zero(random).ln()),
                Self::LogNormal { median, sigma_permille } => {
                    median.mul_f64((normal(random) * f64::from(sigma_permille) / 1000.0).exp())
                }
                Self::Bimodal { usual, slow, slow_permille } => {
                    if random.random_range(0..1000) < slow_permille { slow } else { usual }
                }
            };
        drawn.min(LATENCY_MAX)
    }
}

impl fmt::Display for Latency {
    /// The median and the shape: `0.35 ms (log-normal, sigma 0.4)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        write!(f, "{} ms ", trimmed(ms(self.median())))?;
        match *self {
            Self::Constant(_) => f.write_str("(constant)"),
            Self::Uniform { least, most } => write!(f, "(uniform, {} to {})", ms(least), ms(most)),
            Self::Exponential { least, .. } => write!(f, "(exponential from {} on)", ms(least)),
            Self::LogNormal { sigma_permille, .. } => {
                write!(f, "(log-normal, sigma {})", f64::from(sigma_permille) / 1e3)
            }
            Self::Bimodal { slow, slow_permille, .. } => {
                write!(f, "({} in {}% of cases)", ms(slow), f64::from(slow_permille) / 10.0)
            }
        }
    }
}

/// Without digits that say nothing.
fn trimmed(ms: f64) -> f64 {
    (ms * 1e4).round() / 1e4
}

/// Any number above zero and up to one.
fn above_zero(random: &mut StdRng) -> f64 {
    1.0 - random.random::<f64>()
}

/// A normally distributed number, by Box and Muller.
fn normal(random: &mut StdRng) -> f64 {
    let (radius, angle) = (above_zero(random), random.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// The sorted draws of one distribution, in microseconds.
    fn draws(latency: Latency) -> Vec<u128> {
        let mut random = StdRng::seed_from_u64(1);
        let mut draws: Vec<u128> = (0..10_000).map(|_| latency.draw(&mut random).as_micros()).collect();
        draws.sort_unstable();
        draws
    }

    #[test]
    fn each_distribution_has_its_shape() {
        let micros = Duration::from_micros;
        assert!(draws(Latency::Constant(micros(7))).iter().all(|drawn| *drawn == 7));
        let uniform = draws(Latency::Uniform { least: micros(50), most: micros(150) });
        assert!((uniform[0], uniform[9_999]) == (50, 149) && (95..105).contains(&uniform[5_000]));
        let exponential = draws(Latency::Exponential { least: micros(50), mean: micros(1000) });
        assert!(exponential[0] >= 50 && (700..790).contains(&exponential[5_000]), "{}", exponential[5_000]);
        let normal = draws(Latency::LogNormal { median: micros(1000), sigma_permille: 1000 });
        assert!((950..1050).contains(&normal[5_000]), "{}", normal[5_000]);
        // One standard deviation above the median is e times the median.
        assert!((2500..2950).contains(&normal[8_413]), "{}", normal[8_413]);
        // Nine of ten below ln 10 means, 99 of 100 below ln 100.
        assert!((2250..2450).contains(&exponential[9_000]), "{}", exponential[9_000]);
        assert!((4300..5100).contains(&exponential[9_900]), "{}", exponential[9_900]);
        let bimodal = draws(Latency::Bimodal { usual: micros(1), slow: micros(9), slow_permille: 100 });
        let slow = bimodal.iter().filter(|drawn| **drawn == 9).count();
        assert!((900..1100).contains(&slow) && bimodal[0] == 1, "{slow}");
    }

    #[test]
    fn half_of_the_draws_do_not_exceed_the_median() {
        let (micros, millis) = (Duration::from_micros, Duration::from_millis);
        for latency in [
            Latency::Constant(millis(3)),
            Latency::Uniform { least: millis(1), most: millis(5) },
            Latency::Exponential { least: micros(500), mean: millis(2) },
            Latency::LogNormal { median: millis(3), sigma_permille: 400 },
            Latency::Bimodal { usual: millis(3), slow: millis(90), slow_permille: 10 },
        ] {
            let (drawn, told) = (draws(latency)[5_000] as f64, latency.median().as_secs_f64() * 1e6);
            assert!((drawn / told - 1.0).abs() < 0.03, "{latency}: {drawn} against {told}");
        }
    }

    #[test]
    fn no_tail_is_longer_than_the_longest_latency() {
        let heavy = Latency::LogNormal { median: Duration::from_secs(1), sigma_permille: 5000 };
        assert_eq!(Duration::from_micros(u64::try_from(draws(heavy)[9_999]).unwrap()), LATENCY_MAX);
    }
}
