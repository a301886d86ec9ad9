//! Replication by an in-sync set.

pub mod controller;
pub mod metadata;
