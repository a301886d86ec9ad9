//! A leader's broker and the others' followers: holds their fetches, and answers in one reply what is ready.
//!
//! A fetch is handed to its replica the moment that it comes. From then on it waits here, in the session of its broker, until
//! the replica answers; whatever is ready by then goes with the oldest request that has no reply. So a replica that hangs
//! holds up nobody else's answer.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use partition::clock::{Clock, Moment};
use partition::ids::{ByteSize, NodeId, PartitionId};
use partition::transport::{Answer, Reply, codec};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use crate::message::shared::{Item, KEPT, Session, SharedFetch, SharedReply, Standing, Tag, pack};
use crate::message::{Fetch, FetchRefusal, FetchReply, Report};
use crate::node::Registry;

/// Sessions at once: one for each other broker, and nobody has so many.
const SESSIONS_MAX: usize = 64;
/// Fetches that wait in one session: one for each partition, and some that hang.
const HELD_MAX: usize = 16 * 1024;
/// How long a session lives without a request: longer than any request may wait.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// The longest that a request may wait, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A reply ends when it holds so much: a frame takes it and one more answer, of a batch as large as can be.
const REPLY_BYTES: ByteSize = ByteSize::mib(1);
/// Answers in one reply: some 40 bytes each, beside their records.
const ANSWERS_MAX: usize = 4096;
/// What the fetches of one session may bring, all together, if each has its share; and the least share of one.
const SESSION_BYTES: ByteSize = ByteSize::mib(64);
const SHARE_MIN: ByteSize = ByteSize::kib(64);

type Held = BoxFuture<'static, (Tag, FetchReply, Bytes)>;

/// The sessions of other brokers with this one.
pub(crate) struct Sessions {
    world: World,
    open: Mutex<BTreeMap<NodeId, Open>>,
}

struct Open {
    session: Session,
    visits: mpsc::UnboundedSender<Visit>,
    held: Arc<AtomicUsize>,
}

/// One request: what it brings, and leave to answer.
struct Visit {
    brought: Vec<Held>,
    until: Moment,
    answer: oneshot::Sender<Answer>,
}

impl Sessions {
    pub(crate) fn new(world: &World) -> Self {
        Self { world: world.clone(), open: Mutex::default() }
    }

    /// Takes one request now: each item reaches its replica before this returns.
    pub(crate) fn take(&self, partitions: &Registry, request: SharedFetch) -> BoxFuture<'static, Answer> {
        let SharedFetch { node, session, standing, items, max_wait } = request;
        let mut open = self.open.lock().expect("no holder panics");
        if standing == Standing::Opens && (open.len() < SESSIONS_MAX || open.contains_key(&node)) {
            open.insert(node, self.begin(session));
        }
        let Some(known) = open.get(&node).filter(|open| open.session == session) else {
            return futures_util::future::ready(answer(Vec::new(), Knows::Not)).boxed();
        };
        let held = known.held.load(Ordering::Relaxed) + items.len();
        let share = ByteSize(SESSION_BYTES.0 / held.max(1) as u64).max(SHARE_MIN);
        let brought: Vec<Held> = items
            .into_iter()
            .filter_map(|(id, item)| hand_over(partitions, &id, item, held, share))
            .collect();
        known.held.fetch_add(brought.len(), Ordering::Relaxed);
        let (answer_it, told) = oneshot::channel();
        let until = self.world.clock.now().after(max_wait.min(WAIT_MAX));
        // A session that has just ended drops it.
        let _ = known.visits.send(Visit { brought, until, answer: answer_it });
        told.map(|told| told.unwrap_or_else(|_| answer(Vec::new(), Knows::Not))).boxed()
    }

    fn begin(&self, session: Session) -> Open {
        let (visits, inbox) = mpsc::unbounded_channel();
        let held = Arc::new(AtomicUsize::new(0));
        let wait = Wait {
            clock: self.world.clock.clone(),
            held: FuturesUnordered::new(),
            count: Arc::clone(&held),
            ready: VecDeque::new(),
            requests: VecDeque::new(),
        };
        self.world.tasks.spawn(wait.run(inbox));
        Open { session, visits, held }
    }
}

/// Takes reports of followers now.
pub(crate) fn take_reports(partitions: &Registry, reports: Vec<(PartitionId, Report)>) {
    for (id, report) in reports {
        if let Some(partition) = partitions.get(&id) {
            partition.report(report);
        }
    }
}

/// Gives an item to its replica; what waits then, if it is a fetch.
fn hand_over(
    partitions: &Registry,
    id: &PartitionId,
    item: Item,
    held: usize,
    share: ByteSize,
) -> Option<Held> {
    let partition = partitions.get(id);
    match item {
        Item::Report(report) => {
            partition.iter().for_each(|partition| partition.report(report));
            None
        }
        Item::Fetch(tag, fetch) => {
            let fetch = Fetch { max_bytes: fetch.max_bytes.min(share), ..fetch };
            let answered = partition.filter(|_| held <= HELD_MAX).map(|partition| partition.fetch(fetch));
            let held = async move {
                match answered {
                    Some(answered) => {
                        let (reply, body) = answered.await;
                        (tag, reply, body)
                    }
                    None => (tag, FetchReply::Refused(FetchRefusal::NoSuchPartition), Bytes::new()),
                }
            };
            Some(held.boxed())
        }
    }
}

/// What waits in one session.
struct Wait {
    clock: Clock,
    held: FuturesUnordered<Held>,
    count: Arc<AtomicUsize>,
    ready: VecDeque<(Tag, FetchReply, Bytes)>,
    /// Oldest first, and until when each may wait.
    requests: VecDeque<(Moment, oneshot::Sender<Answer>)>,
}

impl Wait {
    /// Until another session takes its place, or nobody has asked for long.
    async fn run(mut self, mut visits: mpsc::UnboundedReceiver<Visit>) {
        loop {
            let idle_until = self.clock.now().after(IDLE_MAX);
            let until = self.requests.front().map_or(idle_until, |(until, _)| *until);
            tokio::select! {
                biased;
                visit = visits.recv() => match visit {
                    Some(visit) => self.take(visit),
                    None => return,
                },
                Some(ready) = self.held.next(), if !self.held.is_empty() => self.ready.push_back(ready),
                () = self.clock.sleep_until(until) => if self.requests.is_empty() { return },
            }
            // What is there by now goes together.
            while let Ok(visit) = visits.try_recv() {
                self.take(visit);
            }
            while self.ready.len() < ANSWERS_MAX
                && let Some(Some(ready)) = self.held.next().now_or_never()
            {
                self.ready.push_back(ready);
            }
            self.answer();
        }
    }

    fn take(&mut self, Visit { brought, until, answer }: Visit) {
        self.held.extend(brought);
        self.requests.push_back((until, answer));
    }

    fn answer(&mut self) {
        let now = self.clock.now();
        while let Some((until, _)) = self.requests.front()
            && (!self.ready.is_empty() || self.requests.len() > KEPT || *until <= now)
        {
            let (_, request) = self.requests.pop_front().expect("there is one");
            let mut answers = Vec::new();
            let mut bytes = 0;
            while answers.len() < ANSWERS_MAX
                && let Some(next) = self.ready.front()
                && (answers.is_empty() || bytes + next.2.len() <= REPLY_BYTES.as_len())
            {
                bytes += next.2.len();
                answers.extend(self.ready.pop_front());
            }
            self.count.fetch_sub(answers.len(), Ordering::Relaxed);
            // Whoever asked may be gone; then its session ends, and all is asked again.
            let _ = request.send(answer(answers, Knows::Session));
        }
    }
}

/// Whether a session is known here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    Session,
    Not,
}

fn answer(answers: Vec<(Tag, FetchReply, Bytes)>, knows: Knows) -> Answer {
    let (reply, body) = match knows {
        Knows::Session => pack(answers),
        Knows::Not => (SharedReply::UnknownSession, Bytes::new()),
    };
    Answer::Reply(Reply { message: codec::encode(&reply), body })
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

#[cfg(test)]
mod tests;
