//! After all faults have ended: what a cluster must come back to, and how soon.

use std::time::Duration;

use futures_util::future::join_all;
use partition::clock::Clock;
use partition::cluster::Cluster;
use partition::error::{AppendError, ReadError, Refusal};
use partition::ids::{ByteSize, NodeId};
use partition::partition::{Acks, Append, Appended, Isolation, Read, Role, Status};
use partition::record::BatchBuilder;

use super::verdict::Finding;
use crate::history::{ClientId, Recorder, Sender, Value, View};

/// How long a cluster may take, from the end of all faults, until one replica leads and all the others follow. A client
/// may have to wait out its own patience first.
pub(crate) const HEALED_WITHIN: Duration = Duration::from_secs(10);
/// How long a fresh write may take in a cluster that is well.
const FRESH_WRITE_WITHIN: Duration = Duration::from_secs(1);
/// How soon a leader finds that its disk has room again, when a full disk was the last fault.
const ROOM_WITHIN: Duration = Duration::from_secs(1);
/// Writes after the faults.
const FRESH_WRITES: usize = 3;
/// How often the replicas are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How much the final read takes at once.
const READ_BYTES: ByteSize = ByteSize::mib(1);
/// The client of the writes and the read after the faults.
const LAST_CLIENT: ClientId = ClientId(0);

/// Waits until one replica leads, the others are members and follow it, and all hold and have committed the same.
pub(crate) async fn converge(
    cluster: &impl Cluster,
    clock: &Clock,
    limit: Duration,
) -> Result<Duration, Finding> {
    let begun = clock.now();
    let mut seen = String::from("nobody answered");
    while clock.now().since(begun) < limit {
        let asked = cluster.replicas().into_iter().map(|node| {
            let status = cluster.replica(node).status();
            let clock = clock.clone();
            async move { (node, clock.timeout(LOOK_INTERVAL * 10, status).await) }
        });
        let answers = join_all(asked).await;
        let answers: Vec<(NodeId, Result<Status, ReadError>)> = answers
            .into_iter()
            .map(|(node, asked)| (node, asked.unwrap_or(Err(ReadError::Timeout))))
            .collect();
        let statuses: Vec<&Status> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).collect();
        if statuses.len() == answers.len() && agree(&statuses) {
            return Ok(clock.now().since(begun));
        }
        seen = answers.iter().map(|(node, answer)| describe(*node, answer)).collect::<Vec<_>>().join("; ");
        clock.sleep(LOOK_INTERVAL).await;
    }
    Err(Finding::new("L1-converge", format!("after {limit:?} without faults: {seen}")))
}

/// Whether one leads, and all have the same.
fn agree(statuses: &[&Status]) -> bool {
    let leaders: Vec<&&Status> = statuses.iter().filter(|status| status.role == Role::Leader).collect();
    let [leader] = leaders[..] else { return false };
    let extent = |status: &Status| (status.epoch, status.log_start, status.high_watermark, status.log_end);
    leader.high_watermark == leader.log_end
        && leader.members.len() == statuses.len()
        && statuses.iter().all(|status| extent(status) == extent(leader))
}

fn describe(node: NodeId, answer: &Result<Status, ReadError>) -> String {
    match answer {
        Ok(Status { role, epoch, high_watermark, log_end, members, .. }) => {
            let members: Vec<String> = members.iter().map(ToString::to_string).collect();
            format!(
                "{node} {role:?} in epoch {epoch}, HW {high_watermark}, LEO {log_end}, members {}",
                members.join(",")
            )
        }
        Err(error) => format!("{node}: {error}"),
    }
}

/// Writes after the faults are acknowledged, and soon.
pub(crate) async fn write_fresh(
    cluster: &impl Cluster,
    clock: &Clock,
    recorder: &Recorder,
) -> Result<(), Finding> {
    let begun = clock.now();
    let mut acknowledged = 0;
    for number in 0.. {
        match write_one(cluster, clock, recorder, Value(number)).await {
            Ok(Appended::Placed(_)) => acknowledged += 1,
            Err(AppendError::NotAppended(Refusal::NoSpace)) if clock.now().since(begun) < ROOM_WITHIN => {
                clock.sleep(LOOK_INTERVAL).await;
            }
            other => {
                let why = format!("in a cluster without faults: {other:?}");
                return Err(Finding::new("L3-fresh-write", why));
            }
        }
        if acknowledged == FRESH_WRITES {
            break;
        }
    }
    Ok(())
}

async fn write_one(
    cluster: &impl Cluster,
    clock: &Clock,
    recorder: &Recorder,
    value: Value,
) -> Result<Appended, AppendError> {
    let mut batch = BatchBuilder::new(clock.wall_ms());
    batch.push_value(&value.bytes());
    let call = recorder.append(LAST_CLIENT, vec![value], Acks::Committed, Sender::Plain);
    let append = Append { batch: batch.build(), acks: Acks::Committed, timeout: FRESH_WRITE_WITHIN };
    let appended = cluster.client().append(append).await;
    call.answered(&appended);
    appended
}

/// Reads all there is, linearizably, as the history's last word.
pub(crate) async fn read_all(cluster: &impl Cluster, recorder: &Recorder) -> Result<(), Finding> {
    let lost = |error: ReadError| Finding::new("L5-final-read", error);
    let client = cluster.client();
    let start = client.status().await.map_err(lost)?.log_start;
    let mut call = recorder.read(LAST_CLIENT, start, View::Final);
    let mut from = start;
    loop {
        let (max_bytes, isolation, wait) = (READ_BYTES, Isolation::Linearizable, Duration::ZERO);
        let fetched = client.read(Read { from, max_bytes, isolation, wait }).await.map_err(lost)?;
        let end = fetched.high_watermark;
        let next = call.fetched(&fetched).map_err(|error| Finding::new("unreadable", error))?;
        if next >= end || fetched.batches.is_empty() {
            call.ended();
            return Ok(());
        }
        from = next;
    }
}
