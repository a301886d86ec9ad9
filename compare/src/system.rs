//! What can be measured: a system, the shape of its cluster, and how it is launched.

mod casualty;
mod cluster;
mod conversation;
mod cuts;
mod error;
mod hindered;
mod host;
mod hosts;
mod in_process;
mod launch;
mod links;
mod namespaces;
mod power;
mod premises;
mod process;
mod procfs;
mod running;
mod shape;
mod singly;
mod sites;
mod spread;
mod usage;

use partition::world::World;

pub use cuts::{Cut, Member};
pub use error::LaunchError;
pub use hindered::{NotAReplica, Whom};
pub use hosts::{Hosts, HostsError};
pub use launch::{
    Hosting, join_elsewhere, launch, launch_delayed, launch_on, launch_program, launch_scaled,
    launch_yielding,
};
pub use links::{LinkTerms, LongerLinks};
pub use namespaces::{Namespaces, NamespacesError};
pub use power::{Power, PowerError};
pub use premises::{Network, NetworkError, Premises};
pub use running::{Connections, Running};
pub use shape::{MinIsr, NotASystem, Replicas, Shape, ShapeError, Survives, System};
pub use usage::{Consumed, Usage};

/// The world of a client: real time, real sockets, and no files.
#[must_use]
pub fn client_world() -> World {
    crate::node::client_world().0
}
