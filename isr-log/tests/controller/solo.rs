//! A controller over a real log: it and its records survive the crash of their node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use isr_log::controller::active::{Controller, ControllerConfig};
use isr_log::controller::broker::{BrokerConfig, BrokerLink};
use isr_log::controller::command::Disk;
use isr_log::controller::metadata_partition;
use isr_log::metadata::{CommitRule, PartitionSpec};
use partition::client::leader::LeaderClient;
use partition::client::retry::RetryConfig;
use partition::client::service::PartitionService;
use partition::ids::{Epoch, NodeId, PartitionId};
use partition::log::LogConfig;
use partition::partition::Partition;
use partition::simulation::{self, Simulation};
use partition::solo::Solo;
use partition::transport::router::Router;
use partition::transport::{Address, Channel, rpc};

use super::scene::{A, B, Broker, FIRST, SESSION, is_done_at_once};

/// Few, so that a short test sees many.
const SNAPSHOT_EVERY: u64 = 40;

/// One node that keeps the metadata partition, alone, and is the controller.
async fn starts_controller(simulation: &Simulation) -> Solo {
    let world = simulation.world(FIRST);
    let metadata =
        Solo::start(&world, FIRST, Path::new("/metadata"), LogConfig::default()).await.expect("it starts");
    let solo = metadata.clone();
    let metadata = Arc::new(metadata);
    let clients = PartitionService::new();
    clients.add(metadata_partition(), metadata.clone());
    let spec = PartitionSpec {
        id: PartitionId::new("orders", 0).expect("a legal name"),
        replicas: vec![A, B],
        min_isr: 1,
        commit: CommitRule::AllInSync,
    };
    let config = ControllerConfig {
        session: SESSION,
        snapshot_every: SNAPSHOT_EVERY,
        ..ControllerConfig::new(FIRST, vec![spec])
    };
    let controller = Controller::start(&world, config, metadata).expect("a possible partition");
    let router = Router::new()
        .with(Channel::Client, Arc::new(clients))
        .with(Channel::Controller, Arc::new(controller));
    let listener = world.network.listen(Address::simulated(FIRST)).await.expect("it starts");
    rpc::serve(&world, listener, Arc::new(router));
    solo
}

async fn starts_broker(simulation: &Simulation, node: NodeId) -> Broker {
    let world = simulation.world(node);
    let controllers = BTreeMap::from([(FIRST, Address::simulated(FIRST))]);
    let metadata = LeaderClient::new(&world, &controllers, &metadata_partition(), RetryConfig::default());
    let config = BrokerConfig::new(node, controllers, Disk::Fresh);
    let (link, events) = BrokerLink::start(&world, config, Arc::new(metadata));
    let events = is_done_at_once(&world, &link, events);
    Broker::joined(simulation, link, events).await
}

#[test]
fn a_controller_that_crashed_goes_on_from_its_log() {
    simulation::run(20, |simulation| async move {
        starts_controller(&simulation).await;
        let joining = (starts_broker(&simulation, A), starts_broker(&simulation, B));
        let (mut a, mut b) = futures_util::future::join(joining.0, joining.1).await;
        a.alters(&[A, B]).await;
        simulation.crash(FIRST).await;
        starts_controller(&simulation).await;
        a.alters(&[A, B]).await;
        simulation.clock().sleep(SESSION * 2).await;
        simulation.crash(A).await;
        let crashed = simulation.clock().now();
        b.until(|state| state.leader == Some(B)).await;
        assert_eq!((b.state.epoch, b.state.in_sync.len()), (Epoch(2), 1));
        let took = simulation.clock().now().since(crashed);
        assert!(took < SESSION + Duration::from_millis(100), "it took {took:?}");
    });
}

#[test]
fn h15_the_log_stays_short_and_whoever_comes_late_begins_with_its_snapshot() {
    simulation::run(21, |simulation| async move {
        let solo = starts_controller(&simulation).await;
        let joining = (starts_broker(&simulation, A), starts_broker(&simulation, B));
        let (mut a, _) = futures_util::future::join(joining.0, joining.1).await;
        for _ in 0..500 {
            a.alters(&[A, B]).await;
        }
        simulation.clock().sleep(SESSION).await;
        let status = solo.status().await.expect("it runs");
        assert!(status.log_end.0 > 500, "all the proposals are records");
        let length = status.log_end.0 - status.log_start.0;
        assert!(length <= SNAPSHOT_EVERY + 10, "{length} records are kept");
        // A controller that has read none of them, and a broker that has lost all.
        simulation.crash(FIRST).await;
        starts_controller(&simulation).await;
        simulation.crash(B).await;
        let b = starts_broker(&simulation, B).await;
        assert_eq!((b.state.leader, b.state.version > a.state.version), (Some(A), true));
        a.until(|state| state.in_sync.len() == 1).await;
        simulation.clock().sleep(SESSION * 2).await;
        assert!(a.has_heard_all(), "nobody is fenced, nothing else has changed");
    });
}
