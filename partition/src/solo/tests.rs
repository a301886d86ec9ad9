use std::time::Duration;

use super::*;
use crate::cluster::Cluster;
use crate::record::BatchBuilder;
use crate::simulation;

const SECOND: Duration = Duration::from_secs(1);

fn append(value: &'static str) -> Append {
    let batch = BatchBuilder::of_values(0, &[bytes::Bytes::from(value)]);
    Append { batch, acks: Acks::Committed, timeout: SECOND }
}

#[test]
fn each_start_leads_in_an_epoch_of_its_own() {
    simulation::run(1, async |simulation| {
        let mut cluster = SimulatedSolo::start(&simulation).await;
        let client = cluster.client();
        let first = client.append(append("one")).await.unwrap().placement().unwrap();
        cluster.crash(NodeId(1)).await;
        cluster.restart(NodeId(1)).await;
        let second = client.append(append("two")).await.unwrap().placement().unwrap();
        assert_eq!((first.base, second.base), (Offset(0), Offset(1)));
        assert!(second.epoch > first.epoch, "{first:?} then {second:?}");
    });
}
