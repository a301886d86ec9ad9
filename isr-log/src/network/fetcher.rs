//! A broker's followers at one other broker: their fetches go to it together, and its answers come back together.
//!
//! ```text
//!   follower of t-1 ──fetch──┐                               ┌──> leader of t-1 (parked)
//!   follower of t-4 ──fetch──┼──> fetcher ══ one request ══> session ──> leader of t-4: records
//!   follower of t-7 ─report──┘        <══ one reply: t-4 ═══    └──> leader of t-7
//! ```
//! What waits at a leader is not asked again: a request brings what is new, and leave to answer once. A few requests are on
//! their way at once, so that what one leader answers does not wait until the answer of another was taken.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use partition::clock::Moment;
use partition::ids::{NodeId, PartitionId};
use partition::record::Batches;
use partition::transport::rpc::{CallError, Peer};
use partition::transport::{Reply, codec};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use super::{FETCH_GRACE, Outcome, shared};
use crate::message::shared::{Item, KEPT, Session, SharedFetch, SharedReply, Standing, Tag, unpack};
use crate::message::{Fetch, FetchReply, ReplicaRequest, Report};

/// Errands that wait for the task: a fetch and some reports of each partition there may be.
const ERRANDS_MAX: usize = 16 * 1024;
/// What goes with one request: some 100 bytes each.
const ITEMS_MAX: usize = 4096;
/// Requests on their way: beyond it new fetches wait for a reply. The other side answers those above [`KEPT`] at once.
const ON_THEIR_WAY_MAX: usize = 8;

type Fetched = Outcome<(FetchReply, Batches)>;
type Replied = (Session, Result<Reply, CallError>);

enum Errand {
    Fetch(PartitionId, Fetch, oneshot::Sender<Fetched>),
    Report(PartitionId, Report),
}

/// Where followers leave their errands to one other broker.
#[derive(Clone, Debug)]
pub(super) struct Fetcher(mpsc::Sender<Errand>);

impl Fetcher {
    /// From this node, by way of this peer. `wait` is how long a request may wait there.
    pub(super) fn start(world: &World, node: NodeId, peer: Peer, wait: Duration) -> Self {
        let (errands, inbox) = mpsc::channel(ERRANDS_MAX);
        let rounds = Rounds {
            session: Session(world.random.seed()),
            standing: Standing::Opens,
            world: world.clone(),
            node,
            peer,
            wait,
            pending: Vec::new(),
            fetches: BTreeMap::new(),
            next: Tag::default(),
            requests: FuturesUnordered::new(),
        };
        world.tasks.spawn(rounds.run(inbox));
        Self(errands)
    }

    /// Asks now.
    pub(super) fn fetch(&self, partition: &PartitionId, fetch: Fetch) -> BoxFuture<'static, Fetched> {
        let (answer, told) = oneshot::channel();
        match self.0.try_send(Errand::Fetch(partition.clone(), fetch, answer)) {
            Ok(()) => {
                told.map(|told| told.unwrap_or_else(|_| Err("this broker has stopped".to_owned()))).boxed()
            }
            Err(error) => future::ready(Err(error.to_string())).boxed(),
        }
    }

    /// Tells now. If it is lost, so is the connection, and the fetch after that says the same.
    pub(super) fn report(&self, partition: &PartitionId, report: Report) {
        if let Err(error) = self.0.try_send(Errand::Report(partition.clone(), report)) {
            tracing::debug!(%partition, %error, "a report was not sent");
        }
    }
}

/// A fetch that is not answered.
struct Waiting {
    until: Moment,
    answer: oneshot::Sender<Fetched>,
}

struct Rounds {
    world: World,
    node: NodeId,
    peer: Peer,
    wait: Duration,
    session: Session,
    standing: Standing,
    pending: Vec<Errand>,
    fetches: BTreeMap<Tag, Waiting>,
    next: Tag,
    requests: FuturesUnordered<BoxFuture<'static, Replied>>,
}

impl Rounds {
    async fn run(mut self, mut inbox: mpsc::Receiver<Errand>) {
        loop {
            let room = self.pending.len() < ITEMS_MAX;
            tokio::select! {
                biased;
                Some((session, reply)) = self.requests.next(), if !self.requests.is_empty() => {
                    self.replied(session, reply);
                }
                errand = inbox.recv(), if room => match errand {
                    Some(errand) => self.pending.push(errand),
                    None => return,
                },
            }
            // What is there by now goes together.
            while let Some(Some((session, reply))) = self.requests.next().now_or_never() {
                self.replied(session, reply);
            }
            while self.pending.len() < ITEMS_MAX
                && let Ok(errand) = inbox.try_recv()
            {
                self.pending.push(errand);
            }
            self.send();
        }
    }

    fn send(&mut self) {
        let asks = self.pending.iter().any(|errand| matches!(errand, Errand::Fetch(..)));
        if !asks && !self.pending.is_empty() {
            let reports = self.pending.drain(..).filter_map(|errand| match errand {
                Errand::Report(partition, report) => Some((partition, report)),
                Errand::Fetch(..) => None,
            });
            let request = shared(&ReplicaRequest::Reports(reports.collect()));
            if let Err(error) = self.peer.send(request) {
                tracing::debug!(%error, "reports were not sent");
            }
        }
        if asks && self.requests.len() < ON_THEIR_WAY_MAX {
            let pending = std::mem::take(&mut self.pending);
            let items = pending.into_iter().map(|errand| self.item(errand)).collect();
            self.request(items);
        }
        while self.requests.len() < KEPT.min(self.fetches.len()) {
            self.request(Vec::new());
        }
    }

    fn item(&mut self, errand: Errand) -> (PartitionId, Item) {
        match errand {
            Errand::Fetch(partition, fetch, answer) => {
                let tag = self.next;
                self.next = Tag(tag.0 + 1);
                let until = self.world.clock.now().after(fetch.max_wait + FETCH_GRACE);
                self.fetches.insert(tag, Waiting { until, answer });
                (partition, Item::Fetch(tag, fetch))
            }
            Errand::Report(partition, report) => (partition, Item::Report(report)),
        }
    }

    fn request(&mut self, items: Vec<(PartitionId, Item)>) {
        let (node, session, max_wait) = (self.node, self.session, self.wait);
        let standing = std::mem::replace(&mut self.standing, Standing::Continues);
        let fetch = SharedFetch { node, session, standing, items, max_wait };
        let called = self.peer.call(shared(&ReplicaRequest::Fetches(fetch)), self.wait + FETCH_GRACE);
        self.requests.push(called.map(move |reply| (session, reply)).boxed());
    }

    fn replied(&mut self, session: Session, reply: Result<Reply, CallError>) {
        if session != self.session {
            return;
        }
        let answers = reply.map_err(|error| error.to_string()).and_then(|reply| {
            match codec::decode(&reply.message).map_err(|error| error.to_string())? {
                SharedReply::Answers(answers) => unpack(answers, reply.body)
                    .ok_or_else(|| "answers that are not as long as they say".to_owned()),
                SharedReply::UnknownSession => Err("the session is over".to_owned()),
            }
        });
        match answers {
            Ok(answers) => answers.into_iter().for_each(|(tag, reply, body)| self.answered(tag, reply, body)),
            Err(why) => self.begin_anew(&why),
        }
        // One that hangs at its leader is asked again, alone: the others have been answered.
        let now = self.world.clock.now();
        let overdue = self.fetches.extract_if(.., |_, waiting| waiting.until <= now);
        overdue.for_each(|(_, waiting)| drop(waiting.answer.send(Err("no answer in time".to_owned()))));
    }

    fn answered(&mut self, tag: Tag, reply: FetchReply, body: Bytes) {
        if let Some(waiting) = self.fetches.remove(&tag) {
            // A follower that has gone another way does not hear it.
            let _ = waiting.answer.send(Ok((reply, Batches::unverified(body))));
        }
    }

    /// Whatever waits in the session may be lost: all of it is asked again.
    fn begin_anew(&mut self, why: &str) {
        tracing::debug!(node = %self.node, to = ?self.peer, %why, "a session of fetches ends");
        self.session = Session(self.world.random.seed());
        self.standing = Standing::Opens;
        self.requests.clear();
        for (_, waiting) in std::mem::take(&mut self.fetches) {
            let _ = waiting.answer.send(Err(why.to_owned()));
        }
    }
}
