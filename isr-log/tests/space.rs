//! Space: what retention gives up on every replica, and disks that are full.

use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::conformance::space;
use partition::simulation::{self, Simulation};

async fn three(simulation: &Simulation) -> IsrCluster {
    let shape = Shape { log: space::log_config(), ..Shape::of(3) };
    IsrCluster::start(Ground::Simulated(simulation.clone()), shape).await
}

#[test]
fn retention_by_bytes_moves_the_log_start_of_every_replica() {
    simulation::run(11, async |simulation| {
        let mut cluster = three(&simulation).await;
        space::retention_by_bytes_moves_the_log_start_of_every_replica(&simulation, &mut cluster).await;
    });
}

#[test]
fn a_full_disk_of_the_leader_refuses_appends_and_nothing_else() {
    simulation::run(11, async |simulation| {
        let mut cluster = three(&simulation).await;
        space::a_full_disk_of_the_leader_refuses_appends_and_nothing_else(&simulation, &mut cluster).await;
    });
}

#[test]
fn a_full_disk_of_a_follower_holds_nobody_up_for_good() {
    simulation::run(11, async |simulation| {
        let mut cluster = three(&simulation).await;
        space::a_full_disk_of_a_follower_holds_nobody_up_for_good(&simulation, &mut cluster).await;
    });
}
