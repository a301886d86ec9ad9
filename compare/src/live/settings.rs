//! What the live page was asked to run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::node::Times;
use crate::profile::Profile;
use crate::system::{MinIsr, Replicas, Shape, System};
use crate::workload::InFlight;
use partition::log::Durability;

/// What each producer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many records a second, whatever became of those before.
    Rate(u32),
    /// The next one when one is answered, with so many on their way.
    Closed(InFlight),
}

impl Pace {
    /// More only measures the browser's neighbour.
    pub const RATE_MAX: u32 = 20_000;
}

/// What is run, and where it is shown.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the page is served.
    pub listen: SocketAddr,
    /// How many replicas each system has.
    pub replicas: Replicas,
    /// isr: how many must be in sync.
    pub min_isr: MinIsr,
    /// The load on each.
    pub pace: Pace,
    /// Delays that are injected.
    pub profile: Profile,
    /// Where files go; a temporary directory where none is named.
    pub data_dir: Option<PathBuf>,
    /// Decides what the nodes draw.
    pub seed: u64,
}

impl Settings {
    /// How soon silent nodes are missed: after about a second, so that a visitor sees it.
    pub(super) const TIMES: Times = Times::A_SECOND;

    /// The cluster of one of the two.
    pub(super) fn shape(&self, system: System) -> Shape {
        Shape { system, replicas: self.replicas, min_isr: self.min_isr, durability: Durability::Synced }
    }

    /// What is offered to both, in words.
    pub(super) fn load(&self) -> String {
        let load = match self.pace {
            Pace::Rate(rate) => format!("{rate} records a second to each"),
            Pace::Closed(count) => format!("{count} records on their way to each at any time"),
        };
        format!("{load}, acks=all, synced; injected: {}", self.profile.told())
    }

    /// What it is called on the page: `isr-3:2`.
    pub(super) fn name(&self, system: System) -> String {
        let shape = self.shape(system);
        if system.is_in_sync() { format!("{shape}:{}", self.min_isr) } else { shape.to_string() }
    }
}

/// Both, in the order in which they stand on the page.
pub(super) const SYSTEMS: [System; 2] = [System::Isr, System::Quorum];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Three replicas, of which two must be in sync.
    pub(crate) fn settings() -> Settings {
        let replicas = Replicas::new(3).unwrap();
        Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            replicas,
            min_isr: MinIsr::default_for(replicas),
            pace: Pace::Rate(100),
            profile: Profile::natural(),
            data_dir: None,
            seed: 1,
        }
    }

    #[test]
    fn systems_are_called_as_everywhere() {
        let settings = settings();
        assert_eq!(SYSTEMS.map(|system| settings.name(system)), ["isr-3:2", "quorum-3"]);
    }
}
