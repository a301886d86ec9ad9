//! What a node is run with beyond its cluster's plan: how logs are kept, and how soon a silent one is missed.

use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::controller::active::{ControllerConfig, Preference};
use isr_log::controller::broker::BrokerConfig;
use isr_log::controller::lease::Leases;
use partition::ids::ByteSize;
use partition::log::LogConfig;

use super::plan::{Plan, Times};

/// What a node is run with beyond its cluster's plan. All nodes of a cluster have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// How the partition's log is kept.
    pub(crate) log: LogConfig,
    /// How the controllers' own log is kept: synced, whatever the partition's durability, for what the controllers
    /// have decided must not be forgotten (H-15).
    pub(crate) metadata_log: LogConfig,
    /// How soon a leader by majority is missed: of the partition, and of the controllers' own.
    pub(crate) timing: quorum_log::Timing,
    /// isr: how long a broker may be silent before it is fenced.
    pub(crate) session: Duration,
    /// isr: how often a broker shows that it is alive.
    pub(crate) heartbeat: Duration,
    /// isr: how long a follower may lag before it leaves the in-sync set.
    pub(crate) lag_max: Duration,
    /// isr: about how much one fetch brings.
    pub(crate) fetch_bytes: ByteSize,
    /// isr: whether linearizable reads are proved by lease.
    pub(crate) leases: Leases,
    /// isr: when the first of the assigned replicas leads again.
    pub(crate) preference: Preference,
    /// isr: rules that Kafka once had, of brokers and controllers alike.
    pub(crate) historic: HistoricRules,
    /// Which rules are broken.
    pub(crate) broken: Broken,
}

/// Which rules are broken, in the nodes of a simulation: real nodes have none, and cannot be given any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) isr: isr_log::mutant::Mutated,
    pub(crate) quorum: quorum_log::mutant::Mutated,
}

impl Tuning {
    /// The defaults of both systems, at the plan's times if it has some.
    pub(crate) fn of(plan: &Plan) -> Self {
        let defaults = Self::defaults(plan);
        let Some(Times { session, heartbeat, lag_max, beat, election_min, election_max }) = plan.times else {
            return defaults;
        };
        let timing = quorum_log::Timing { heartbeat: beat, election_min, election_max };
        Self { timing, session, heartbeat, lag_max, ..defaults }
    }

    fn defaults(plan: &Plan) -> Self {
        Self {
            log: plan.log(),
            metadata_log: LogConfig::default(),
            timing: quorum_log::Timing::default(),
            session: ControllerConfig::SESSION,
            heartbeat: BrokerConfig::HEARTBEAT,
            lag_max: isr_log::Config::LAG_MAX,
            fetch_bytes: isr_log::Config::FETCH_BYTES_MAX,
            leases: Leases::Off,
            preference: Preference::OnCommand,
            historic: HistoricRules::default(),
            broken: Broken::default(),
        }
    }
}
