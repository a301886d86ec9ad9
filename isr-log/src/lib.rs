//! Replication by an in-sync set.

pub mod metadata;
