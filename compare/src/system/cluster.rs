//! What can be done to a running cluster from outside: its nodes crash, stop, return, pause, and lose their disks.

use std::fs;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Felt};
use partition::ids::NodeId;
use partition::partition::Partition;

use super::cuts::Member;
use super::error::LaunchError;
use super::host::Host;
use super::running::Running;
use crate::node::Role;

impl Running {
    pub(super) fn replica_host(&mut self, node: NodeId) -> &mut Host {
        let wanted = |host: &&mut Host| {
            let identity = host.identity();
            identity.node == node && identity.role != Role::Controller
        };
        self.hosts.iter_mut().find(wanted).expect("a replica of this cluster")
    }

    fn controller_host(&mut self, node: NodeId) -> &mut Host {
        let wanted = |host: &&mut Host| {
            let identity = host.identity();
            identity.node == node && identity.role == Role::Controller
        };
        self.hosts.iter_mut().find(wanted).expect("a controller of this cluster")
    }

    /// Has the disk of a replica commit a fault, or end it, where the cluster was launched with disks that can be told.
    ///
    /// # Errors
    /// [`LaunchError`] when its disk cannot, or it does not answer.
    pub async fn trouble(&mut self, node: NodeId, fault: &DiskFault) -> Result<(), LaunchError> {
        let host = self.replica_host(node);
        if matches!(fault, DiskFault::SyncError | DiskFault::WriteError | DiskFault::Full) {
            // A replica whose disk has failed stops, and so does one that finds no room to open its log.
            host.may_end();
        }
        host.trouble(fault).await
    }

    /// How often cuts and faults of disks were felt by those nodes that are up, in their lives of now; a process that its own
    /// disk has ended counts, too.
    ///
    /// # Errors
    /// [`LaunchError`] when one does not answer.
    pub async fn felt(&mut self) -> Result<Felt, LaunchError> {
        let asked = self.hosts.iter_mut().map(|host: &mut Host| host.felt());
        let by_nodes: Felt = join_all(asked).await.into_iter().sum::<Result<_, _>>()?;
        Ok(by_nodes + self.sites.felt())
    }

    /// The same of one replica.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn felt_by(&mut self, node: NodeId) -> Result<Felt, LaunchError> {
        self.replica_host(node).felt().await
    }

    /// Whether the process of a replica has ended by itself.
    pub fn has_ended(&mut self, node: NodeId) -> bool {
        self.replica_host(node).has_ended()
    }

    /// Ends a controller without warning.
    pub async fn crash_controller(&mut self, node: NodeId) {
        self.controller_host(node).crash().await;
    }

    /// Starts a controller that is down.
    pub async fn restart_controller(&mut self, node: NodeId) {
        let address = self.plan.controllers[&node];
        let started = self.start_again(Member::Controller(node), address).await;
        self.note(started);
    }

    /// The trait's calls have no error: what went wrong is a casualty, which every measurement looks for.
    pub(super) fn note(&self, done: Result<(), LaunchError>) {
        if let Err(error) = done {
            self.casualties.report(error);
        }
    }
}

impl Cluster for Running {
    fn replicas(&self) -> Vec<NodeId> {
        self.plan.replicas.keys().copied().collect()
    }

    fn client(&self) -> Arc<dyn Partition> {
        self.connect(&self.world)
    }

    fn replica(&self, node: NodeId) -> Arc<dyn Partition> {
        self.connect_to(&self.world, node)
    }

    fn crash(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.replica_host(node).crash().boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            let stopped = self.replica_host(node).stop().await;
            self.note(stopped);
        }
        .boxed()
    }

    fn restart(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        let address = self.plan.replicas[&node];
        async move {
            let started = self.start_again(Member::Replica(node), address).await;
            self.note(started);
        }
        .boxed()
    }

    fn pause(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            let paused = self.replica_host(node).pause().await;
            self.note(paused);
        }
        .boxed()
    }

    fn resume(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.replica_host(node).resume();
        async {}.boxed()
    }

    fn wipe(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        let identity = self.replica_host(node).identity().clone();
        let emptied = fs::remove_dir_all(&identity.dir).and_then(|()| fs::create_dir(&identity.dir));
        self.note(emptied.map_err(|error| {
            LaunchError::BadInput(format!(
                "{}: cannot empty {}: {error}",
                identity.name,
                identity.dir.display()
            ))
        }));
        async {}.boxed()
    }
}
