//! Whichever replica leads, as a [`Partition`](crate::partition::Partition).
