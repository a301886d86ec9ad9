//! A cluster of one system, whatever runs it: processes, tasks on real sockets, or tasks in virtual time.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::ids::NodeId;
use crate::partition::Partition;

/// What can be done to a cluster from outside. Every call returns when it has been done, or
/// asked for.
pub trait Cluster: fmt::Debug {
    /// The replicas, in assignment order.
    fn replicas(&self) -> Vec<NodeId>;

    /// A client that finds the leader.
    fn client(&self) -> Arc<dyn Partition>;

    /// One replica, as it is; asking one that is down gives an error.
    fn replica(&self, node: NodeId) -> Arc<dyn Partition>;

    /// Ends a replica without warning (kill -9): what was not synced stays or goes as its disk decides.
    fn crash(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Stops a replica in order.
    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Starts a replica that is down, on the disk it had.
    fn restart(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Holds a replica still (SIGSTOP) until `resume`.
    fn pause(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Lets a paused replica go on.
    fn resume(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Empties the disk of a replica that is down.
    fn wipe(&mut self, node: NodeId) -> BoxFuture<'_, ()>;

    /// Asks that these be the partition's replicas, in assignment order. Whether that is done, or refused, shows in the
    /// leader's status. A cluster whose replicas cannot change passes it over.
    fn reassign(&mut self, replicas: Vec<NodeId>) -> BoxFuture<'_, ()> {
        drop(replicas);
        Box::pin(ready(()))
    }

    /// Asks that a change of the replicas that is under way end where it began; passed over in the same way.
    fn cancel_reassignment(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}
