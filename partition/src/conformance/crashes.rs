//! Cases: replicas end, and come back.

use futures_util::future;

use super::load::Load;
use super::stage::{Stage, values};

/// The leader ends without warning while many write: every acknowledged record is read back once, at its offset, what
/// was refused is not there, and appends go on.
pub(super) async fn a_leader_crash_under_load_loses_and_repeats_nothing(stage: &mut Stage<'_>) {
    let load = Load::new(stage);
    let trouble = async {
        load.goes_on(stage, 50).await;
        stage.crash_leader().await;
        load.goes_on(stage, 50).await;
        load.stop();
    };
    future::join(load.write(), trouble).await;
    load.check(stage).await;
}

/// All replicas end at once, under load, and start again on their disks: nothing acknowledged is lost.
pub(super) async fn a_crash_of_all_loses_nothing_acknowledged(stage: &mut Stage<'_>) {
    let load = Load::new(stage);
    let trouble = async {
        load.goes_on(stage, 50).await;
        let nodes = stage.cluster.replicas();
        for node in &nodes {
            stage.cluster.crash(*node).await;
        }
        for node in &nodes {
            stage.cluster.restart(*node).await;
        }
        load.goes_on(stage, 50).await;
        load.stop();
    };
    future::join(load.write(), trouble).await;
    load.check(stage).await;
}

/// Replicas that were stopped in order, one after another, are back with all they had.
pub(super) async fn a_stop_in_order_loses_nothing(stage: &mut Stage<'_>) {
    let placed = stage.append_all(&values("kept", 20)).await;
    for node in stage.cluster.replicas() {
        stage.cluster.stop(node).await;
        stage.cluster.restart(node).await;
    }
    stage.ready().await;
    assert_eq!(stage.read_all().await, placed.into_iter().collect::<Vec<_>>());
}
