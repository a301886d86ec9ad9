//! Whether the leaders of a run have leases, and what else is then as it suits them (H-16).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use isr_log::controller::active::Preference;
use isr_log::controller::lease::{LeaseTerms, Leases};
use partition::fault::{ClockFault, Fault, Kind};
use partition::ids::NodeId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::node::Tuning;

/// Apart from all else that a seed decides.
const SALT: u64 = 0x6c65_6173_6573;
/// One run of so many has leases of each kind.
const ONE_OF: u32 = 4;
/// How fast clocks run, in thousandths of true time: the fastest gains on the slowest by less than what is assumed.
const SPEEDS: std::ops::RangeInclusive<u32> = 996..=1004;

/// How linearizable reads of a run are proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leasing {
    /// By rounds alone.
    #[default]
    Off,
    /// By leases that are a third of a session.
    Short,
    /// By leases that are nearly a session, and longer than all that is timed beside them: elections of the controllers, and
    /// how long a follower may lag. Preferred leaders are elected whenever it is possible.
    Long,
}

impl Leasing {
    /// What this seed decides.
    pub(super) fn drawn(seed: u64) -> Self {
        match StdRng::seed_from_u64(seed ^ SALT).random_range(0..ONE_OF) {
            0 => Self::Short,
            1 => Self::Long,
            _ => Self::Off,
        }
    }

    /// Whether clocks may go wrong by more than is assumed of them.
    pub(super) fn bears(self, kind: &Kind) -> bool {
        self == Self::Off || !matches!(kind, Kind::Ahead | Kind::Behind | Kind::Drift)
    }

    /// The clocks of these nodes, within what is assumed of them.
    pub(super) fn clocks(self, seed: u64, nodes: Vec<NodeId>) -> Vec<Fault> {
        if self == Self::Off {
            return Vec::new();
        }
        let mut chance = StdRng::seed_from_u64(seed ^ SALT);
        let drifts = |node| {
            let fault = ClockFault::Drift { permille: chance.random_range(SPEEDS) };
            Fault::Clock { node, fault }
        };
        nodes.into_iter().map(drifts).collect()
    }

    /// What nodes are run with.
    pub(super) fn tune(self, tuning: Tuning) -> Tuning {
        match self {
            Self::Off => tuning,
            Self::Short => {
                let leases = Leases::On(LeaseTerms::for_session(tuning.session));
                Tuning { leases, ..tuning }
            }
            Self::Long => {
                let session = Duration::from_secs(4);
                let length = Duration::from_millis(3800);
                let leases = Leases::On(LeaseTerms { length, ..LeaseTerms::for_session(session) });
                let preference = Preference::Each(Duration::from_millis(200));
                Tuning { session, leases, preference, lag_max: Duration::from_millis(300), ..tuning }
            }
        }
    }
}

impl fmt::Display for Leasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Short => "short",
            Self::Long => "long",
        })
    }
}

impl FromStr for Leasing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = [Self::Off, Self::Short, Self::Long].into_iter().find(|one| one.to_string() == text);
        named.ok_or_else(|| format!("{text:?} is none of off, short, long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_by_less_than_controllers_assume() {
        let (fastest, slowest) = (SPEEDS.end(), SPEEDS.start());
        let assumed = isr_log::controller::lease::Drift::ASSUMED.0;
        assert!(fastest * 1000 < slowest * (1000 + assumed));
    }

    #[test]
    fn each_kind_is_drawn() {
        let mut drawn: Vec<Leasing> = (1..=20).map(Leasing::drawn).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [Leasing::Off, Leasing::Short, Leasing::Long]);
    }
}
