//! One replica at the other end of a connection, as a [`Partition`](crate::partition::Partition).
