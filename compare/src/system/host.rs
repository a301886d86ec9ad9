//! One node of a cluster, wherever it runs: its identity, and what can be done to it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use partition::fault::{DiskFault, Felt};
use partition::ids::NodeId;
use partition::journeys::Journeyed;
use partition::transport::Address;
use partition::transport::barred::Barrier;

use super::error::LaunchError;
use super::in_process::TaskHost;
use super::process::ProcessHost;
use super::usage::Consumed;
use crate::node::{LongerWay, Plan, Role, Slowdown};

/// How long a node may take to bind its port: a process start and nothing else.
pub(super) const BIND_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to open its log: recovery reads what was not flushed.
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to stop in order, before it is killed.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Who a node is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) role: Role,
    pub(super) node: NodeId,
    /// As users know it: `isr-3/n2`.
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) seed: u64,
}

/// A node, wherever it runs.
#[derive(Debug)]
pub(super) enum Host {
    Process(Box<ProcessHost>),
    Task(TaskHost),
}

impl Host {
    pub(super) fn identity(&self) -> &Identity {
        match self {
            Self::Process(host) => &host.identity,
            Self::Task(host) => &host.identity,
        }
    }

    /// Its process, if it has one of its own and is up.
    pub(super) fn process(&self) -> Option<u32> {
        match self {
            Self::Process(host) => host.process(),
            Self::Task(_) => None,
        }
    }

    /// Listens at its port.
    pub(super) async fn bind(&mut self, at: Address) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.bind(at).await,
            Self::Task(host) => host.bind(at).await,
        }
    }

    /// Tells the bound node its plan, and waits until it answers.
    pub(super) async fn start(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.start(plan).await,
            Self::Task(host) => host.start(plan).await,
        }
    }

    /// What it has consumed; nothing when it is down.
    pub(super) async fn usage(&mut self) -> Result<Consumed, LaunchError> {
        match self {
            Self::Process(host) => host.usage().await,
            Self::Task(host) => Ok(host.usage()),
        }
    }

    /// What its batches took to each copy since it was asked last; nothing when it is down.
    pub(super) async fn journeys(&mut self) -> Result<Journeyed, LaunchError> {
        match self {
            Self::Process(host) => host.journeys().await,
            Self::Task(host) => Ok(host.journeys()),
        }
    }

    /// Slows its links to some replicas.
    pub(super) async fn slow(&mut self, down: &Slowdown) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.slow(down).await,
            Self::Task(host) => {
                host.slow(down);
                Ok(())
            }
        }
    }

    /// Makes these ways from it to others longer, and no others.
    pub(super) async fn lengthen(&mut self, longer: &[LongerWay]) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.lengthen(longer).await,
            Self::Task(host) => {
                host.lengthen(longer);
                Ok(())
            }
        }
    }

    /// Bars these ways from it to others, and no others.
    pub(super) async fn bar(&mut self, barred: &BTreeSet<Barrier>) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.bar(barred).await,
            Self::Task(host) => {
                host.bar(barred);
                Ok(())
            }
        }
    }

    /// Has its disk commit a fault, or end it.
    pub(super) async fn trouble(&mut self, fault: &DiskFault) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.trouble(fault).await,
            Self::Task(host) => host.trouble(fault),
        }
    }

    /// Has its disk forget nothing from now on.
    pub(super) async fn keep(&mut self) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.keep().await,
            Self::Task(_) => Ok(()),
        }
    }

    /// How often the faults that it was told of were felt.
    pub(super) async fn felt(&mut self) -> Result<Felt, LaunchError> {
        match self {
            Self::Process(host) => host.felt().await,
            Self::Task(host) => Ok(host.felt()),
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Process(host) => host.has_ended(),
            Self::Task(_) => false,
        }
    }

    /// From now on it may end by itself: that of a process is no casualty then.
    pub(super) fn may_end(&mut self) {
        match self {
            Self::Process(host) => host.may_end(),
            Self::Task(_) => {}
        }
    }

    /// Ends it without warning.
    pub(super) async fn crash(&mut self) {
        match self {
            Self::Process(host) => host.crash().await,
            Self::Task(host) => host.crash().await,
        }
    }

    /// Ends it in order.
    pub(super) async fn stop(&mut self) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.stop().await,
            Self::Task(host) => host.stop().await,
        }
    }

    /// Holds it still.
    pub(super) async fn pause(&mut self) -> Result<(), LaunchError> {
        match self {
            Self::Process(host) => host.pause().await,
            Self::Task(host) => {
                host.pause();
                Ok(())
            }
        }
    }

    /// Lets it go on.
    pub(super) fn resume(&mut self) {
        match self {
            Self::Process(host) => host.resume(),
            Self::Task(host) => host.resume(),
        }
    }
}
