//! Replication by an in-sync set.

pub mod controller;
pub mod message;
pub mod metadata;
pub mod replica;
