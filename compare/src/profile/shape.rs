//! The four shapes of a distribution, each around a median.

use std::str::FromStr;
use std::time::Duration;

use partition::latency::Latency;

use super::error::ProfileError;

/// How delays scatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Constant,
    Exponential,
    LogNormal,
    Bimodal,
}

/// What a place's delays have beside their median.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scatter {
    /// log-normal: the standard deviation of the logarithm, in thousandths.
    pub(super) sigma_permille: u32,
    /// bimodal: how many medians the slow ones take.
    pub(super) slow_times: u32,
    /// bimodal: how many of a thousand are slow.
    pub(super) slow_permille: u32,
}

impl FromStr for Shape {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "constant" => Ok(Self::Constant),
            "exponential" => Ok(Self::Exponential),
            "log-normal" => Ok(Self::LogNormal),
            "bimodal" => Ok(Self::Bimodal),
            _ => Err(ProfileError::Shape(text.to_owned())),
        }
    }
}

impl Shape {
    /// Delays of this shape. An exponential one has no least time: it is the textbook's, the model's own case.
    pub(super) fn around(self, median: Duration, scatter: Scatter) -> Latency {
        let Scatter { sigma_permille, slow_times, slow_permille } = scatter;
        match self {
            Self::Constant => Latency::Constant(median),
            Self::Exponential => exponential(Duration::ZERO, median),
            Self::LogNormal => Latency::LogNormal { median, sigma_permille },
            Self::Bimodal => Latency::Bimodal { usual: median, slow: median * slow_times, slow_permille },
        }
    }
}

/// Exponential from `least` on, with this median.
pub(super) fn exponential(least: Duration, median: Duration) -> Latency {
    let mean = median.saturating_sub(least).div_f64(std::f64::consts::LN_2);
    Latency::Exponential { least, mean }
}
