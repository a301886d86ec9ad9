//! The promise both protocols make, and all that both stand on: log, transport, client, and the doors to the world.
//!
//! This crate knows neither protocol.

pub mod client;
pub mod clock;
pub mod cluster;
pub mod conformance;
pub mod error;
pub mod fault;
pub mod ids;
pub mod journeys;
pub mod latency;
pub mod log;
pub mod meta;
pub mod partition;
pub mod probe;
pub mod record;
pub mod simulation;
pub mod solo;
pub mod transport;
pub mod world;
