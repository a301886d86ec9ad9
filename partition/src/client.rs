//! A client of any partition, over the network: sends records and reads them, whoever leads, through whatever fails.
//!
//! ```text
//!   records ─> Producer ─ batches, stamped,      Consumer ─ position, ─> records, each once and in order
//!              │          in order, in flight    │          fetch ahead
//!              v                                 v
//!            LeaderClient: who leads? ask around, go there, again what is safe to repeat
//!              v                   v                  v
//!            RemotePartition     RemotePartition    RemotePartition     one replica each, asked as it is
//! ~~~~~~~~~~~~~│~~~~~~~~~~~~~~~~~~~│~~~~~~~~~~~~~~~~~~│~~~~~~~~~~~~~~~~~~~~~ network
//!            PartitionService    PartitionService   PartitionService    the door of each node
//! ```
//! Each layer is a [`Partition`](crate::partition::Partition) or stands on one, so a producer works as well on a replica in
//! the same process, and a workload that measures single appends needs no producer.
//!
//! **Who repeats what.** [`LeaderClient`](leader::LeaderClient) follows the leader within one request: it sends again what was
//! certainly not appended, and what is stamped; what still waits for a connection to a leader that was replaced is taken back,
//! and thus certainly not appended. [`Producer`](producer::Producer) repeats across requests until a record's
//! deadline, keeps the order of what is in flight, and waits out what the leader client gives up at once: too few replicas
//! in sync, no space. [`Consumer`](consumer::Consumer) reads again at the offset that it has reached.
//!
//! **What an error says.** Each error of a write is one of two: it is in no log and never will be, or that is not known
//! (H-11). Who asked for no reply learns of errors by the connection that the leader closes (C7): whatever else was on it is
//! then in doubt, and is sent again if it is stamped.
//!
//! Left out: groups of consumers and their offsets; transactions; choosing a partition by a key; finding partitions and
//! replicas by a directory: who makes a client says where the replicas are.

pub mod consumer;
pub mod leader;
pub mod message;
pub mod producer;
pub mod remote;
pub mod retry;
pub mod service;

#[cfg(test)]
mod tests;
