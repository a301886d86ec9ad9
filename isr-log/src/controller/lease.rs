//! Leases: for how long a leader may answer reads alone, and why that is safe as far as clocks are (H-16).
//!
//! ```text
//!   broker      sends a heartbeat                              the lease ends
//!                    ├──────────────── length ───────────────────────┤
//!   controller         hears it   barrier   grants                    deposes, at the earliest
//!                         ├─────────── length x (1 + drift) ──────────────┤
//!   its successor               ^  claims ─────────── length x (1 + drift) ───────────────┤
//! ```
//! A lease runs from a moment *before* the controller has heard of it, and the controller counts from that one, so what
//! counts is not how long messages take but only how much faster one clock runs than the other: at most by [`Drift`].
//! The barrier is a linearizable tail of the metadata partition that began after the heartbeat came. Whoever has
//! taken office before that is read in front of it, and then nothing is granted; whoever takes office later waits for
//! longer than the lease has to run.
//!
//! The lease is the broker's, for all that it leads: while it runs, no record is written that takes leadership from it.

use std::fmt;
use std::time::Duration;

use partition::ids::Offset;
use serde::{Deserialize, Serialize};

/// How much faster one clock may run than another, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift(pub u32);

impl Drift {
    /// One part in a hundred. A quartz is off by one in ten thousand at worst, and NTP corrects by one in two thousand; the
    /// rest is for virtual machines.
    pub const ASSUMED: Self = Self(10);
}

/// What is promised with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseTerms {
    /// How long it runs, by the broker's clock, from the moment at which the heartbeat was sent.
    pub length: Duration,
    /// What is assumed of clocks.
    pub drift: Drift,
}

impl LeaseTerms {
    /// A third of a session: two heartbeats of the default timing may be late, or lost, before leaders ask around again; and a
    /// new controller that waits for it has long moved what it wants to before anybody can be found silent.
    #[must_use]
    pub fn for_session(session: Duration) -> Self {
        Self { length: session / 3, drift: Drift::ASSUMED }
    }

    /// How long a controller waits by its own clock until the lease has surely ended.
    #[must_use]
    pub fn hold(self) -> Duration {
        let nanos = self.length.as_nanos() * (1000 + u128::from(self.drift.0));
        Duration::from_nanos(u64::try_from(nanos.div_ceil(1000)).unwrap_or(u64::MAX))
    }
}

/// Whether controllers grant leases. It is on record, since a controller has to know what its predecessors have granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leases {
    /// They do not: leaders prove themselves without clocks.
    #[default]
    Off,
    /// They do.
    On(LeaseTerms),
}

impl Leases {
    /// How long leases that were granted before may still run.
    #[must_use]
    pub fn hold(self) -> Duration {
        match self {
            Self::Off => Duration::ZERO,
            Self::On(terms) => terms.hold(),
        }
    }
}

impl fmt::Display for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("no leases"),
            Self::On(LeaseTerms { length, drift }) => {
                write!(f, "leases of {length:?}, drift {}/1000", drift.0)
            }
        }
    }
}

/// Whether a broker wants a lease with the answer to its heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseWish {
    /// It does not, and is answered at once.
    None,
    /// It does, and is answered after a barrier.
    Wanted,
}

/// A lease, as the controller grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// How long it runs from the moment at which the heartbeat was sent.
    pub length: Duration,
    /// It counts for what the broker leads when it has applied all below.
    pub applied_to: Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_waits_for_longer_than_a_lease_runs() {
        let terms = LeaseTerms { length: Duration::from_secs(1), drift: Drift(10) };
        assert_eq!(terms.hold(), Duration::from_millis(1010));
        let odd = LeaseTerms { length: Duration::from_nanos(1), drift: Drift(1) };
        assert_eq!(odd.hold(), Duration::from_nanos(2), "rounded up");
    }
}
