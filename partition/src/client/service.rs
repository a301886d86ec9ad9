//! Serves any [`Partition`](crate::partition::Partition) to clients.
