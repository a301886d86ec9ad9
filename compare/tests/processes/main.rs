//! Clusters of real processes of the built `compare` binary: what they do, and what they survive.

mod floor;
mod hosted;
mod node;
