//! Heartbeats of many partitions from one node to another, gathered for a moment and sent as one message.
//!
//! ```text
//!   partition 7 ──beat──┐
//!   partition 8 ──beat──┼──> wait a moment ──> one frame ──> their replicas over there
//!   partition 9 ──beat──┘                        └──────────> one reply, an answer for each
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use openraft::errors::{NetworkError, Unreachable};
use partition::ids::PartitionId;
use partition::transport::rpc::{CallError, Peer};
use partition::transport::{Channel, Reply, Request, codec};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use super::Failure;
use crate::host::{BEATS_MAX, heartbeats};
use crate::message::{AppendHead, AppendVerdict, ReplicaReply, ReplicaRequest};

/// How long a reply may take. openraft has given the beats up long before; this ends what waits here.
const PATIENCE: Duration = Duration::from_secs(1);

type Outcome = Result<AppendVerdict, Failure>;

/// One heartbeat on its way.
struct Beat {
    partition: PartitionId,
    head: AppendHead,
    answer: oneshot::Sender<Outcome>,
}

/// Gathers the heartbeats to one node.
#[derive(Clone, Debug)]
pub(super) struct Beats(Arc<mpsc::Sender<Beat>>);

impl Beats {
    /// Sends what has come within `within` of the first, and so on; ends when nobody can beat any more.
    pub(super) fn start(world: &World, peer: Peer, within: Duration) -> Self {
        let (beats, inbox) = mpsc::channel(BEATS_MAX);
        world.tasks.spawn(gather(world.clone(), peer, within, inbox));
        Self(Arc::new(beats))
    }

    /// Sends one with the others.
    pub(super) fn beat(&self, partition: &PartitionId, head: AppendHead) -> BoxFuture<'static, Outcome> {
        let (answer, told) = oneshot::channel();
        let beat = Beat { partition: partition.clone(), head, answer };
        if self.0.try_send(beat).is_err() {
            return future::ready(Err(unreachable("too many heartbeats wait for this node"))).boxed();
        }
        told.map(|outcome| outcome.unwrap_or_else(|_| Err(unreachable("no answer")))).boxed()
    }
}

async fn gather(world: World, peer: Peer, within: Duration, mut inbox: mpsc::Receiver<Beat>) {
    let mut gathered = Vec::new();
    while inbox.recv_many(&mut gathered, 1).await > 0 {
        world.clock.sleep(within).await;
        while gathered.len() < BEATS_MAX
            && let Ok(beat) = inbox.try_recv()
        {
            gathered.push(beat);
        }
        let (beats, answers): (Vec<_>, Vec<_>) =
            gathered.drain(..).map(|beat| ((beat.partition, beat.head), beat.answer)).unzip();
        let request = Request {
            channel: Channel::Replica,
            partition: heartbeats(),
            message: codec::encode(&ReplicaRequest::Heartbeats(beats)),
            body: Bytes::new(),
        };
        let called = peer.call(request, PATIENCE);
        // The next ones do not wait for this answer.
        world.tasks.spawn(async move { tell(answers, called.await) });
    }
}

fn tell(answers: Vec<oneshot::Sender<Outcome>>, reply: Result<Reply, CallError>) {
    let verdicts = match reply.map(|reply| codec::decode(&reply.message)) {
        Ok(Ok(ReplicaReply::Heartbeats(verdicts))) if verdicts.len() == answers.len() => verdicts,
        // Whoever was not told of a verdict has none.
        Ok(_) | Err(_) => Vec::new(),
    };
    for (answer, verdict) in answers.into_iter().zip(verdicts) {
        let verdict = verdict.ok_or_else(|| NetworkError::from_string("no answer to a heartbeat").into());
        // openraft may have given it up.
        let _ = answer.send(verdict);
    }
}

fn unreachable(why: &str) -> Failure {
    Unreachable::from_string(why).into()
}
