//! Clusters of real processes of the built `compare` binary: what they do, and what they survive.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod faults;
mod floor;
mod hosted;
mod hosts;
mod kept;
mod leader_loss;
mod node;
mod scale;
