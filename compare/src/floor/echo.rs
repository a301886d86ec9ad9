//! The other n-1: writes what it is sent, and says when that is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::ids::Offset;
use partition::log::{Log, LogError, LogEvent};
use partition::record::Batches;
use partition::transport::{Answer, Request, Service};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use super::message::{FromEcho, ToEcho};
use super::{FloorConfig, FloorError};

/// An echo, as the service behind its node's replica channel.
#[derive(Debug)]
pub struct FloorEcho {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    log: Log,
    /// Replies that wait for their batches, in the order of their ends. At most what the leader has in flight.
    waiting: VecDeque<Waiting>,
    failure: Option<String>,
    on_failure: Vec<oneshot::Sender<String>>,
}

#[derive(Debug)]
struct Waiting {
    end: Offset,
    reply: oneshot::Sender<FromEcho>,
}

impl FloorEcho {
    /// Opens the log and begins to answer.
    ///
    /// # Errors
    /// [`FloorError`] when the log does not open.
    pub async fn open(world: &World, config: FloorConfig) -> Result<Self, FloorError> {
        let (events, arriving) = mpsc::unbounded_channel();
        let log = Log::open(world, &config.dir, config.log, events).await?;
        let state = State { log, waiting: VecDeque::new(), failure: None, on_failure: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        world.tasks.spawn(observe(Arc::clone(&state), arriving));
        Ok(Self { state })
    }

    /// Resolves when the log has failed, and with why.
    pub fn failure(&self) -> BoxFuture<'static, String> {
        let mut state = lock(&self.state);
        if let Some(why) = &state.failure {
            return Box::pin(future::ready(why.clone()));
        }
        let (tell, told) = oneshot::channel();
        state.on_failure.push(tell);
        Box::pin(async move {
            match told.await {
                Ok(why) => why,
                // The node ends in order; nothing has failed.
                Err(_) => future::pending().await,
            }
        })
    }
}

/// Takes the writer's events into account until the log is gone.
async fn observe(state: Arc<Mutex<State>>, mut events: mpsc::UnboundedReceiver<LogEvent>) {
    while let Some(event) = events.recv().await {
        let mut state = lock(&state);
        state.take(event);
        while let Ok(event) = events.try_recv() {
            state.take(event);
        }
        state.settle();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder panics")
}

impl State {
    fn take(&mut self, event: LogEvent) {
        if let Some(LogEvent::Failed(why)) = self.log.observe(event) {
            for tell in self.on_failure.drain(..) {
                let _ = tell.send(why.clone());
            }
            for waiting in self.waiting.drain(..) {
                let _ = waiting.reply.send(FromEcho::Refused(why.clone()));
            }
            self.failure = Some(why);
        }
    }

    fn settle(&mut self) {
        let stored = self.log.stored();
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.end <= stored) {
            let _ = waiting.reply.send(FromEcho::Stored { to: stored });
        }
    }

    /// Where this log stands, at most as far as the leader's.
    fn greet(&mut self, leader_end: Offset) -> Result<FromEcho, LogError> {
        if self.log.end() > leader_end {
            self.log.truncate(leader_end)?;
            // What waited beyond the cut belongs to a leader's life that is over.
            self.waiting.retain(|waiting| waiting.end <= leader_end);
        }
        Ok(FromEcho::Holds { end: self.log.end(), stored: self.log.stored().min(self.log.end()) })
    }

    fn push(&mut self, body: Batches) -> Result<Offset, LogError> {
        let batches = body.verified()?;
        self.log.append_placed(&batches)
    }
}

impl Service for FloorEcho {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        let answer = |reply: FromEcho| Answer::Reply(reply.reply());
        let mut state = lock(&self.state);
        if let Some(why) = &state.failure {
            return Box::pin(future::ready(answer(FromEcho::Refused(why.clone()))));
        }
        let done = match ToEcho::of(&request) {
            Ok(ToEcho::Greet { end }) => state.greet(end),
            Ok(ToEcho::Push) => match state.push(Batches::unverified(request.body)) {
                Ok(end) => {
                    let (reply, replied) = oneshot::channel();
                    state.waiting.push_back(Waiting { end, reply });
                    // A dropped sender: the push was cut off by a greeting, and nobody waits for this reply.
                    return replied.map(move |reply| reply.map_or(Answer::Silence, answer)).boxed();
                }
                Err(error) => Err(error),
            },
            Err(error) => {
                tracing::warn!(%error, "not a floor's message");
                return Box::pin(future::ready(Answer::Close));
            }
        };
        let reply = done.unwrap_or_else(|error| FromEcho::Refused(error.to_string()));
        Box::pin(future::ready(answer(reply)))
    }
}
