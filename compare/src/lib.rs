//! The same questions to both systems: what a promise costs, and what it survives.
//!
//! This half runs things ([`system`], [`node`], [`floor`], [`data_dir`]); the other half measures what runs.

pub mod data_dir;
pub mod floor;
pub mod node;
pub mod stats;
pub mod system;
pub mod workload;
