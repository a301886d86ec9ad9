//! `compare node`: one replica, controller or floor echo as a process.
//!
//! ```text
//!   parent                                     node
//!     │ spawn, stdin and stdout are pipes ───────> binds its port
//!     │ <─────────────────────── "listening 127.0.0.1:40001"
//!     │ ──────────── one line of JSON: the plan ──> opens its log, starts to serve
//!     │ <───────────────────────────────── "ready"
//!     │ ───────────────────────────────── "usage" > counts
//!     │ <──────────────── one line of JSON: totals
//!     │ ──────────────── "slow" and whom, as JSON > slows its links to them
//!     │ <──────────────────────────────── "slowed"
//!     │ ─────────────── "disk" and a fault, as JSON > its disk does it: where the plan put something over it
//!     │ <─────────────────────────────── "troubled"
//!     │ ──────────── "bar" and which ways, as JSON > bars them in its own transport, and no others
//!     │ <──────────────────────────────── "barred"
//!     │ ────────────────────────────────── "keep" > its disk forgets nothing from now on: a kill is no power cut
//!     │ <────────────────────────────────── "kept"
//!     │ end of stdin, or SIGTERM ────────────────> stops in order
//! ```
//! Ports are bound before anybody is told of them, so that none is taken in between; a parent that dies closes the pipe,
//! so that no node outlives it. Without `--supervised` the plan comes from the options.

mod args;
mod disk;
mod hosted;
mod injected;
mod meter;
mod part;
mod plan;
mod process;
mod real;
mod role;
mod scale;
mod tuning;

pub use args::NodeArgs;
pub use disk::DiskTerms;
pub use hosted::{Bound, HostedNode, NodeError, NodeTotals};
pub(crate) use injected::{Delays, Sender};
pub use injected::{Injected, Injection, LongerWay, Slowdown};
pub use meter::Sent;
pub(crate) use part::{Part, Place};
pub use plan::{Plan, Times};
pub(crate) use process::PANICKED;
pub use process::run;
pub use real::client_world;
pub use role::Role;
pub use scale::{Heartbeats, NotPartitions, Partitions, Scale};
pub(crate) use tuning::{Broken, Tuning};
