//! Consumers: they read on from where they were, as a consumer polls; one that asks where the log ends; one that trims.

use std::time::Duration;

use partition::error::ReadError;
use partition::ids::{ByteSize, Offset};
use partition::partition::{Fetched, Isolation, Read};
use partition::record::BatchError;

use super::{Desk, PATIENCE};
use crate::history::View;
use crate::simulate::verdict::Finding;

/// About how often one asks.
const PACE: Duration = Duration::from_millis(60);
/// About how often one trims.
const TRIM_PACE: Duration = Duration::from_secs(2);
/// How long a read waits for data.
const WAIT: Duration = Duration::from_millis(100);
/// Little enough that a consumer that was held up needs several reads to catch up.
const READ_BYTES: ByteSize = ByteSize::kib(4);

pub(super) async fn poll(desk: &Desk, view: View) {
    let isolation = match view {
        View::Linearizable | View::Final => Isolation::Linearizable,
        View::Committed | View::Follower => Isolation::Committed,
        View::Uncommitted => Isolation::Uncommitted,
    };
    let mut from = Offset::ZERO;
    while desk.load.goes_on() {
        let floor = desk.floor();
        let call = desk.recorder.read(desk.client.id, from, view);
        let read = Read { from, max_bytes: READ_BYTES, isolation, wait: WAIT };
        let answer = desk.partition.read(read).await;
        if let Err(unreadable) = call.answered(&answer) {
            desk.findings.note(Finding::new("unreadable", unreadable));
        }
        match answer {
            Ok(fetched) => {
                if view == View::Linearizable {
                    desk.reached(floor, fetched.high_watermark);
                }
                from = after(from, &fetched).unwrap_or(from);
            }
            // What it wants to read was trimmed: it goes on where the log begins now.
            Err(ReadError::OutOfRange { start, .. }) if start > from => from = start,
            Err(_) => {}
        }
        desk.rest(PACE).await;
    }
}

/// Where to go on after this answer.
fn after(from: Offset, fetched: &Fetched) -> Result<Offset, BatchError> {
    Ok(fetched.batches.end()?.map_or(from, |end| end.max(from)))
}

pub(super) async fn tail(desk: &Desk) {
    while desk.load.goes_on() {
        let floor = desk.floor();
        let call = desk.recorder.tail(desk.client.id);
        let tail = desk.partition.tail(PATIENCE).await;
        call.answered(&tail);
        if let Ok(tail) = tail {
            desk.reached(floor, tail.offset);
        }
        desk.rest(PACE).await;
    }
}

/// Gives up the older half of what there is, now and then.
pub(super) async fn trim(desk: &Desk) {
    desk.rest(TRIM_PACE).await;
    while desk.load.goes_on() {
        if let Ok(status) = desk.partition.status().await {
            let half = status.high_watermark.since(status.log_start) / 2;
            let to = Offset(status.log_start.0 + half);
            let call = desk.recorder.trim(desk.client.id, to);
            call.answered(&desk.partition.trim(to, PATIENCE).await);
        }
        desk.rest(TRIM_PACE).await;
    }
}
