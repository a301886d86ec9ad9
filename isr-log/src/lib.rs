//! Replication by an in-sync set.

pub mod config;
pub mod controller;
pub mod message;
pub mod metadata;
mod network;
mod partition;
pub mod replica;
mod runtime;
mod store;

pub use config::Config;
pub use runtime::{Node, OpenError};
