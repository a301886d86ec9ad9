//! What a follower is sent, and when.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use partition::clock::Moment;
use partition::ids::{Epoch, NodeId, Ordinal};
use partition::simulation;
use tokio::sync::mpsc;

use super::*;
use crate::raft::{Entry, Payload, Vote, VoteRecord, log_id};

/// A message as the follower would get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    entries: usize,
    committed: u64,
    at: Moment,
}

/// A leader's requests, and what is made of them.
struct Scene {
    clock: Clock,
    messages: Arc<Mutex<Vec<Message>>>,
    requests: mpsc::UnboundedSender<AppendEntriesRequest<Types>>,
    results: mpsc::UnboundedReceiver<Option<LogId>>,
}

impl Scene {
    /// Every message is answered at once.
    fn new(world: &partition::world::World) -> Self {
        let messages = Arc::<Mutex<Vec<Message>>>::default();
        let (requests, mut asked) = mpsc::unbounded_channel::<AppendEntriesRequest<Types>>();
        let (answered, results) = mpsc::unbounded_channel();
        let input = futures_util::stream::poll_fn(move |cx| asked.poll_recv(cx));
        let send = {
            let (messages, clock) = (Arc::clone(&messages), world.clock.clone());
            move |request: AppendEntriesRequest<Types>| {
                let committed = request.leader_commit.map_or(0, |entry| entry.index);
                let message = Message { entries: request.entries.len(), committed, at: clock.now() };
                messages.lock().expect("no test panics with it").push(message);
                let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
                let verdict = Box::pin(std::future::ready(Ok(AppendVerdict::Stored)));
                Sent { bytes: 0, verdict, prev: request.prev_log_id, last }
            }
        };
        let mut pipeline = Pipeline::new(world.clock.clone(), send, input);
        world.tasks.spawn(async move {
            while let Some(result) = pipeline.next().await {
                let _ = answered.send(result.expect("it was answered").expect("and stored"));
            }
        });
        Self { clock: world.clock.clone(), messages, requests, results }
    }

    /// openraft has so many entries to send after that one, or none, and knows that so many are committed.
    fn asks(&self, prev: u64, entries: u64, committed: u64) {
        let entries =
            (prev + 1..=prev + entries).map(|at| Entry { log_id: id(at), payload: Payload::Blank }).collect();
        let vote = Vote::from(VoteRecord { epoch: Epoch(1), node: 1, elected: true });
        let (prev_log_id, leader_commit) = (Some(id(prev)), Some(id(committed)));
        self.requests
            .send(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
            .expect("it is taken");
    }

    fn sent(&self) -> Vec<Message> {
        self.messages.lock().expect("no test panics with it").clone()
    }
}

fn id(at: u64) -> LogId {
    log_id(Epoch(1), Ordinal(at))
}

fn run(test: impl AsyncFnOnce(Scene) + 'static) {
    simulation::run(1, async |simulation| test(Scene::new(&simulation.world(NodeId(1)))).await);
}

#[test]
fn news_rides_with_the_next_entries() {
    run(async |mut scene| {
        let begun = scene.clock.now();
        scene.asks(5, 1, 5);
        assert_eq!(scene.results.recv().await, Some(Some(id(6))));
        scene.asks(6, 0, 6);
        scene.clock.sleep(NEWS_DELAY / 2).await;
        scene.asks(6, 1, 6);
        assert_eq!(
            scene.results.recv().await,
            Some(Some(id(7))),
            "the news alone had no message, and no result"
        );
        let entry = |committed, at| Message { entries: 1, committed, at };
        assert_eq!(scene.sent(), [entry(5, begun), entry(6, begun.after(NEWS_DELAY / 2))]);
    });
}

#[test]
fn news_that_nothing_follows_is_sent_after_a_while_and_newer_news_does_not_put_it_off() {
    run(async |mut scene| {
        let begun = scene.clock.now();
        scene.asks(5, 0, 3);
        scene.clock.sleep(NEWS_DELAY / 2).await;
        scene.asks(5, 0, 4);
        assert_eq!(scene.results.recv().await, Some(Some(id(5))));
        assert_eq!(scene.sent(), [Message { entries: 0, committed: 4, at: begun.after(NEWS_DELAY) }]);
    });
}

#[test]
fn the_last_request_of_a_stream_is_sent_at_once() {
    run(async |scene| {
        let begun = scene.clock.now();
        scene.asks(5, 0, 5);
        let Scene { requests, mut results, messages, .. } = scene;
        drop(requests);
        assert_eq!(results.recv().await, Some(Some(id(5))));
        let messages = messages.lock().expect("no test panics with it").clone();
        assert_eq!(messages, [Message { entries: 0, committed: 5, at: begun }], "a probe ends its stream");
    });
}
