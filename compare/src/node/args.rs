//! The options of `compare node`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use isr_log::metadata::CommitRule;
use partition::ids::{NodeId, PartitionId};
use partition::log::Durability;
use partition::transport::Address;

use super::disk::DiskTerms;
use super::injected::Injection;
use super::plan::Plan;
use super::role::Role;
use super::scale::{Heartbeats, Partitions, Scale};
use crate::profile::Profile;

/// Runs one replica, controller or floor echo, until it is told to stop.
#[derive(Clone, Debug, Args)]
pub struct NodeArgs {
    /// What the node is: isr, quorum, controller, floor-leader or floor-echo
    #[arg(long)]
    pub role: Role,
    /// Its number among the nodes of its kind
    #[arg(long, value_name = "N")]
    pub node_id: NodeId,
    /// Where it listens; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where its files lie
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Reads its peers from stdin, as one line of JSON, and ends with stdin
    #[arg(long, conflicts_with_all = ["peer", "controller", "profile"])]
    pub supervised: bool,
    /// Another replica, as N=ADDR; once for each
    #[arg(long, value_name = "N=ADDR")]
    pub peer: Vec<PeerAt>,
    /// A controller, as N=ADDR; once for each (isr and controllers)
    #[arg(long, value_name = "N=ADDR")]
    pub controller: Vec<PeerAt>,
    /// The partition to replicate
    #[arg(long, value_name = "TOPIC-N", default_value = "compare-0")]
    pub partition: PartitionId,
    /// How many partitions there are, numbered from that one on (isr, quorum, controller)
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub partitions: Partitions,
    /// How heartbeats of many partitions go to a node: each (in a frame of its own) or gathered (quorum)
    #[arg(long, value_name = "KIND", default_value = "each")]
    pub heartbeats: Heartbeats,
    /// How many replicas must be in sync (isr) [default: 2, or 1 for a single replica]
    #[arg(long, value_name = "COUNT")]
    pub min_isr: Option<usize>,
    /// A commit waits for min-isr of the in-sync set only, and not for all of it (controllers)
    #[arg(long)]
    pub k_of_isr: bool,
    /// How many copies an acknowledgement waits for (floor-leader) [default: all]
    #[arg(long, value_name = "COUNT")]
    pub copies: Option<usize>,
    /// What counts as stored
    #[arg(long, value_enum, default_value = "synced")]
    pub durability: DurabilityArg,
    /// Injects delays: LINK, LINK+DISK or a TOML file (see `compare latency --help`)
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<Profile>,
    /// Makes the node's chance repeatable, and the injected delays
    #[arg(long)]
    pub seed: Option<u64>,
}

/// [`Durability`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DurabilityArg {
    /// fdatasync has returned.
    Synced,
    /// write has returned.
    Cached,
}

impl From<DurabilityArg> for Durability {
    fn from(durability: DurabilityArg) -> Self {
        match durability {
            DurabilityArg::Synced => Self::Synced,
            DurabilityArg::Cached => Self::Cached,
        }
    }
}

/// Another node and where it listens, as `N=ADDR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAt {
    node: NodeId,
    address: Address,
}

/// Why a text is no [`PeerAt`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a node and its address: {0:?} (for example 2=127.0.0.1:9002)")]
pub struct NotAPeer(String);

impl FromStr for PeerAt {
    type Err = NotAPeer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAPeer(text.to_owned());
        let (node, address) = text.split_once('=').ok_or_else(wrong)?;
        let node = node.parse().map_err(|_| wrong())?;
        let address = address.parse().map(Address).map_err(|_| wrong())?;
        Ok(Self { node, address })
    }
}

impl NodeArgs {
    fn injection(&self) -> Option<Injection> {
        let profile = self.profile.clone().filter(|profile| !profile.is_natural())?;
        Some(Injection { profile, seed: self.seed.unwrap_or(0) })
    }

    /// The plan that the options give to the node that listens at `address`.
    pub(super) fn plan(&self, address: Address) -> Plan {
        let known = |peer: &PeerAt| (peer.node, peer.address);
        let mut replicas: BTreeMap<NodeId, Address> = self.peer.iter().map(known).collect();
        let mut controllers: BTreeMap<NodeId, Address> = self.controller.iter().map(known).collect();
        let own = if self.role == Role::Controller { &mut controllers } else { &mut replicas };
        own.insert(self.node_id, address);
        Plan {
            spares: BTreeMap::new(),
            partition: self.partition.clone(),
            min_isr: self.min_isr.unwrap_or(replicas.len().min(2)),
            commit: if self.k_of_isr { CommitRule::EnoughInSync } else { CommitRule::AllInSync },
            copies: self.copies.unwrap_or(replicas.len()),
            durability: self.durability.into(),
            injected: self.injection(),
            scale: Scale { partitions: self.partitions, heartbeats: self.heartbeats },
            times: None,
            disk: DiskTerms::Plain,
            segment: None,
            replicas,
            controllers,
        }
    }
}
