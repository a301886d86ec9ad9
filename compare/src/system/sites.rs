//! Where the nodes of one cluster listen: ports of this machine, or network namespaces.

use std::collections::BTreeSet;
use std::io;

use partition::fault::Felt;
use partition::transport::Address;
use partition::transport::held_port::HeldPort;

use super::error::LaunchError;
use super::namespaces::{Lease, Namespace};
use super::premises::Network;

/// Where the nodes of one cluster listen, whether they are up or not: each by its place in their order.
#[derive(Debug)]
pub(super) enum Sites {
    /// Ports of this machine.
    Loopback(Vec<HeldPort>),
    /// Namespaces, and what is cut between them.
    Namespaces(Lease),
}

impl Sites {
    /// For so many nodes.
    pub(super) fn take(network: &Network, nodes: usize) -> Result<Self, LaunchError> {
        match network {
            Network::Barriers => {
                let held = (0..nodes).map(|_| HeldPort::any()).collect::<io::Result<Vec<_>>>();
                let no_port = |error| LaunchError::BadInput(format!("no free port on this machine: {error}"));
                held.map(Self::Loopback).map_err(no_port)
            }
            Network::Namespaces(all) => all.lease(nodes).map(Self::Namespaces),
        }
    }

    /// For nodes that listen elsewhere.
    pub(super) fn elsewhere() -> Self {
        Self::Loopback(Vec::new())
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        match self {
            Self::Loopback(ports) => ports.iter().map(HeldPort::address).collect(),
            Self::Namespaces(lease) => lease.namespaces().iter().map(Namespace::listens).collect(),
        }
    }

    /// The namespace of a node, if it has one of its own.
    pub(super) fn namespace(&self, number: usize) -> Option<String> {
        match self {
            Self::Loopback(_) => None,
            Self::Namespaces(lease) => Some(lease.namespaces()[number].name.clone()),
        }
    }

    /// What was swallowed between them, where that is done here.
    pub(super) fn felt(&self) -> Felt {
        match self {
            Self::Loopback(_) => Felt::default(),
            Self::Namespaces(lease) => lease.swallowed(),
        }
    }

    /// Whether cuts are made here, and not by each node.
    pub(super) fn are_cut_here(&self) -> bool {
        matches!(self, Self::Namespaces(_))
    }

    /// Cuts these ways and no others, where that is done here; else each node has to bar its own.
    pub(super) fn cut(&mut self, ways: &BTreeSet<(Address, Address)>) -> Option<Result<(), LaunchError>> {
        let Self::Namespaces(lease) = self else { return None };
        Some(lease.cut(ways.iter().map(|(from, to)| (from.0.ip(), to.0.ip())).collect()))
    }
}
