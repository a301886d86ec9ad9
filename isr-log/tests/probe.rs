//! What a harness sees of brokers and of the controller.

use std::time::Duration;

use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::cluster::Cluster;
use partition::ids::Offset;
use partition::partition::{Acks, Append, Role};
use partition::probe::{BatchMark, Electorate};
use partition::record::BatchBuilder;
use partition::simulation;

#[test]
fn what_is_acknowledged_is_seen_in_every_member_and_in_the_controllers_set() {
    simulation::run(3, async |simulation| {
        let cluster = IsrCluster::start(Ground::Simulated(simulation), Shape::of(3)).await;
        let probes: Vec<_> = cluster.replicas().into_iter().filter_map(|node| cluster.probe(node)).collect();
        let controller = cluster.controller_probe();
        let client = cluster.client();
        let batch = BatchBuilder::of_values(0, &[b"seen".to_vec().into()]);
        let append = Append { batch: batch.clone(), acks: Acks::Committed, timeout: Duration::from_secs(10) };
        let placement = client.append(append).await.unwrap().placement().unwrap();
        let mark = BatchMark::of(&batch.placed(placement.base, placement.epoch));
        let snapshots: Vec<_> = probes.iter().filter_map(|probe| probe.snapshot()).collect();
        assert_eq!(snapshots.len(), 3, "each replica is open");
        for (probe, seen) in probes.iter().zip(&snapshots) {
            assert!(seen.stored >= placement.base.next(), "{seen:?}");
            assert_eq!(probe.batches(Offset::ZERO).unwrap(), [mark]);
        }
        let leader = snapshots.iter().find(|seen| seen.role == Role::Leader).unwrap();
        assert_eq!(leader.acknowledged, placement.base.next());
        let Electorate::InSync(set) = &leader.electorate else { panic!("a leader knows its set") };
        assert_eq!((set.members.len(), set.min), (3, 2));
        let image = controller.snapshot().unwrap().image;
        let state = image.partitions().next().unwrap();
        assert_eq!((state.leader, state.in_sync.len()), (Some(leader.node), 3));
    });
}
