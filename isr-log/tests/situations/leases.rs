//! Leaders that answer linearizable reads alone, by lease (H-16).

use std::time::Duration;

use isr_log::cluster::{CONTROLLER, Shape};
use isr_log::controller::lease::{LeaseTerms, Leases};
use partition::cluster::Cluster;
use partition::error::ReadError;
use partition::fault::{ClockFault, Fault};
use partition::ids::{NodeId, Offset};
use partition::partition::Acks;

use crate::stage::{A, B, C, Stage, staged};

const SESSION: Duration = Duration::from_millis(600);
/// A third of the session.
const LEASE: Duration = Duration::from_millis(200);

fn leasing() -> Shape {
    Shape { leases: Leases::On(LeaseTerms::for_session(SESSION)), session: SESSION, ..Shape::of(3) }
}

impl Stage {
    /// Where the log ends, as this replica proves it without anybody's help or in vain.
    async fn tail_at(&self, node: NodeId) -> Result<Offset, ReadError> {
        let tail = self.cluster.replica(node).tail(Duration::from_millis(20)).await;
        tail.map(|tail| tail.offset)
    }

    fn cut_off(&self, node: NodeId) {
        for other in [A, B, C, CONTROLLER].into_iter().filter(|other| *other != node) {
            self.cut(node, other);
        }
    }
}

#[test]
fn h16_a_leader_with_a_lease_answers_without_a_message_and_is_deposed_only_later() {
    staged(161, leasing(), |mut stage| async move {
        stage.commits().await;
        stage.passes(SESSION).await;
        stage.cut_off(A);
        assert_eq!(stage.tail_at(A).await, Ok(Offset(1)), "nobody could be asked");
        stage.passes(LEASE).await;
        assert_eq!(
            stage.tail_at(A).await,
            Err(ReadError::Timeout),
            "the lease is over, and nobody can be asked"
        );
        assert!(stage.status(B).await.is_some_and(|status| status.leader == Some(A)), "it still leads");
        stage.until_leads(B).await;
        stage.commits().await;
        assert_eq!(stage.tail_at(B).await, Ok(Offset(2)));
        assert_eq!(stage.tail_at(A).await, Err(ReadError::Timeout));
    });
}

#[test]
fn h16_without_leases_a_leader_that_is_cut_off_answers_nothing() {
    staged(162, Shape { session: SESSION, ..Shape::of(3) }, |mut stage| async move {
        stage.commits().await;
        stage.passes(SESSION).await;
        stage.cut_off(A);
        assert_eq!(stage.tail_at(A).await, Err(ReadError::Timeout));
    });
}

#[test]
fn h16_a_leader_that_was_held_still_finds_its_lease_over() {
    staged(163, leasing(), |mut stage| async move {
        stage.commits().await;
        stage.cluster.pause(A).await;
        stage.until_leads(B).await;
        stage.commits().await;
        stage.cut_off(A);
        stage.cluster.resume(A).await;
        assert_eq!(stage.tail_at(A).await, Err(ReadError::Timeout), "its clock went on");
    });
}

/// What is told by a leader that is cut off, and whose clock runs so, when the next one has committed more.
fn told_by_a_clock_of(permille: u32) -> Result<Offset, ReadError> {
    staged(164, leasing(), |mut stage| async move {
        stage.commits().await;
        stage.passes(SESSION).await;
        stage.cut_off(A);
        stage.simulation.fault(&Fault::Clock { node: A, fault: ClockFault::Drift { permille } });
        stage.until_leads(B).await;
        stage.tries_at(B, "newer", Acks::Committed, SESSION).await.expect("C follows it");
        stage.tail_at(A).await
    })
}

#[test]
fn h16_a_clock_within_what_is_assumed_tells_nothing_stale_and_one_that_nearly_stands_does() {
    assert_eq!(told_by_a_clock_of(990), Err(ReadError::Timeout));
    assert_eq!(told_by_a_clock_of(100), Ok(Offset(1)), "the assumption, and what it costs when it is wrong");
}
