//! How a broker is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use partition::ids::{ByteSize, NodeId};
use partition::log::LogConfig;
use partition::transport::Address;

use crate::controller::broker::BrokerConfig;
use crate::controller::lease::LeaseWish;
use crate::mutant::Mutated;
use crate::replica::{CatchUpRate, Rules};
use crate::rules::{HistoricRules, UncleanElection};

/// Over how many requests a fetch stays parked: with as many fetches again, a thousand idle partitions would do little else.
const PARKED_FOR: u32 = 8;

/// How a broker is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// This broker.
    pub node: NodeId,
    /// All brokers, this one among them, and where they listen.
    pub brokers: BTreeMap<NodeId, Address>,
    /// The controllers, and where they listen.
    pub controllers: BTreeMap<NodeId, Address>,
    /// Logs go to `dir/<partition>`, what the broker must remember to `dir/meta`.
    pub dir: PathBuf,
    /// How logs are kept.
    pub log: LogConfig,
    /// A follower that has not been caught up for so long leaves the in-sync set. Kafka's `replica.lag.time.max.ms`.
    pub lag_max: Duration,
    /// How long a request for records may wait at another broker, for any of its partitions. A partition's fetch stays parked over
    /// eight such requests, yet at most for half of `lag_max`: a follower that waits is not one that lags.
    pub fetch_wait: Duration,
    /// About how much one fetch brings.
    pub fetch_bytes_max: ByteSize,
    /// How fast a replica copies that is not in sync, of each partition. Default: as fast as it can. A rate has to be above what is
    /// appended in the same time, or nobody ever catches up.
    pub catch_up_rate: Option<CatchUpRate>,
    /// How often the broker shows the controllers that it is alive.
    pub heartbeat: Duration,
    /// How long one request to a controller may take.
    pub request_timeout: Duration,
    /// How a leader knows that it still leads when it answers a linearizable read.
    pub read_proof: ReadProof,
    /// Rules that Kafka once had. Default: none of them.
    pub historic: HistoricRules,
}

/// How a leader knows that it still leads when it answers a linearizable read (H-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadProof {
    /// All who may be elected confirm it, in a round that begins after the read: no clock is trusted.
    #[default]
    Round,
    /// By a lease of the controllers ([`crate::controller::lease`]), as long as no clock runs faster than another by more
    /// than is assumed. Without a lease, by a round: when controllers grant none, cannot be reached, or are about to elect
    /// another leader; and always where an unclean election is allowed, which a lease cannot outlast.
    Lease,
}

impl Config {
    /// Kafka's default before 2.5, which then became 30 s so that a pause of the network or the collector does not
    /// empty the set (KIP-537). Here there is no collector, and a stuck follower should not hold appends up that long.
    pub const LAG_MAX: Duration = Duration::from_secs(10);
    /// Kafka's `replica.fetch.wait.max.ms`.
    pub const FETCH_WAIT: Duration = Duration::from_millis(500);
    /// Kafka's `replica.fetch.max.bytes`.
    pub const FETCH_BYTES_MAX: ByteSize = ByteSize::mib(1);

    /// A broker with the default timing and log.
    #[must_use]
    pub fn new(
        node: NodeId,
        brokers: BTreeMap<NodeId, Address>,
        controllers: BTreeMap<NodeId, Address>,
        dir: PathBuf,
    ) -> Self {
        Self {
            node,
            brokers,
            controllers,
            dir,
            log: LogConfig::default(),
            lag_max: Self::LAG_MAX,
            fetch_wait: Self::FETCH_WAIT,
            fetch_bytes_max: Self::FETCH_BYTES_MAX,
            catch_up_rate: None,
            heartbeat: BrokerConfig::HEARTBEAT,
            request_timeout: BrokerConfig::REQUEST_TIMEOUT,
            read_proof: ReadProof::default(),
            historic: HistoricRules::default(),
        }
    }

    /// Whether the controllers are asked for leases.
    pub(crate) fn lease_wish(&self) -> LeaseWish {
        match (self.read_proof, self.historic.unclean) {
            (ReadProof::Lease, UncleanElection::Never) => LeaseWish::Wanted,
            (ReadProof::Round, _) | (ReadProof::Lease, UncleanElection::Allowed) => LeaseWish::None,
        }
    }

    /// What shapes a replica's decisions.
    pub(crate) fn rules(&self, mutated: Mutated) -> Rules {
        Rules {
            lag_max: self.lag_max,
            fetch_wait: (self.fetch_wait * PARKED_FOR).min(self.lag_max / 2),
            fetch_bytes_max: self.fetch_bytes_max,
            catch_up_rate: self.catch_up_rate,
            historic: self.historic,
            mutated,
        }
    }
}
