//! Replication by majority.
