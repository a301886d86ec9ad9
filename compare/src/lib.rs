//! The same questions to both systems: what a promise costs, and what it survives.
//!
//! This half runs things ([`system`], [`node`], [`floor`], [`data_dir`]); the other half measures what runs.

// Futures of whole clusters nest deeper than the 128 layers that are usual: whether a check passed took chance.
#![recursion_limit = "256"]

pub mod checker;
pub mod citation;
pub mod cli;
pub mod data_dir;
pub mod experiment;
pub mod faults;
pub mod floor;
pub mod headline;
pub mod history;
pub mod inspect;
pub mod invariants;
pub mod live;
pub mod machine;
pub mod model;
pub mod node;
pub mod profile;
pub mod progress;
pub mod report;
pub mod results;
pub mod simulate;
pub mod stats;
pub mod system;
pub mod table;
pub mod workload;
