//! The caller's task of one connection: connects, sends what is queued, hands replies to who waits for them.

use std::collections::{BTreeMap, VecDeque};
use std::future::{self, Future};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::peer::{Claim, Order, Outgoing, Shared, Waiter};
use super::{CallError, Correlation, ReplyEnvelope, RequestEnvelope};
use crate::clock::{Clock, Moment};
use crate::ids::PartitionId;
use crate::transport::{Address, Frame, FrameSink, Link, Reply, Transport, codec};
use crate::world::{Random, World};

/// A node that does not answer a connection attempt for so long is taken for dead.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Wait before the second attempt: a restarting process needs a few of these.
const BACKOFF_MIN: Duration = Duration::from_millis(5);
/// Longest wait between attempts: what a restarted node can cost in availability.
const BACKOFF_MAX: Duration = Duration::from_millis(250);

pub(super) struct Driver {
    address: Address,
    clock: Clock,
    random: Random,
    network: Arc<dyn Transport>,
    inbox: mpsc::UnboundedReceiver<Order>,
    /// All handles are gone: what was sent is still awaited.
    abandoned: bool,
    shared: Arc<Shared>,
    /// Submitted, not written yet.
    waiting: VecDeque<Outgoing>,
    /// Written, not answered yet.
    pending: BTreeMap<Correlation, Pending>,
    next: Correlation,
    alarm: Alarm,
    /// When the other side was last heard on this connection.
    heard: Option<Moment>,
}

struct Pending {
    waiter: Waiter,
    submitted: Moment,
    _claim: Claim,
}

impl Driver {
    pub(super) fn new(
        world: &World,
        address: Address,
        inbox: mpsc::UnboundedReceiver<Order>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            address,
            clock: world.clock.clone(),
            random: world.random.clone(),
            network: Arc::clone(&world.network),
            inbox,
            abandoned: false,
            shared,
            waiting: VecDeque::new(),
            pending: BTreeMap::new(),
            next: Correlation(1),
            alarm: Alarm::new(&world.clock),
            heard: None,
        }
    }

    /// Until all handles are gone and all calls are answered.
    pub(super) async fn run(mut self) {
        let mut backoff = Duration::ZERO;
        while !self.waiting.is_empty() || self.somebody_calls().await {
            let pause = self.clock.sleep(self.jittered(backoff));
            if !backoff.is_zero() {
                let shared = Arc::clone(&self.shared);
                self.meanwhile(async move {
                    tokio::select! { biased;
                        () = pause => {}
                        () = shared.hurried() => {}
                    }
                })
                .await;
            }
            let loss = match self.connect().await {
                Ok(link) => {
                    self.shared.connected();
                    self.heard = None;
                    self.converse(link).await
                }
                Err(error) => format!("{}: {error}", self.address),
            };
            backoff = if self.heard.take().is_some() { Duration::ZERO } else { longer(backoff) };
            self.fail_all(&loss);
        }
    }

    /// Whether anybody wants a connection, before all handles are gone.
    async fn somebody_calls(&mut self) -> bool {
        while let Some(order) = self.inbox.recv().await {
            let wanted = matches!(order, Order::Send(_) | Order::Connect);
            self.accept(order);
            if wanted {
                return true;
            }
        }
        false
    }

    fn accept(&mut self, order: Order) {
        match order {
            Order::Send(outgoing) => {
                if let Some(waiter) = &outgoing.waiter {
                    self.alarm.include(waiter.deadline);
                }
                self.waiting.push_back(outgoing);
            }
            Order::Connect => {}
            Order::Withdraw { partition, done } => {
                self.withdraw(&partition);
                // Who asked may have gone away.
                let _ = done.send(());
            }
        }
    }

    /// Ends the calls of this partition that are not written yet: they are never sent.
    fn withdraw(&mut self, partition: &PartitionId) {
        let of_it = |call: &Outgoing| call.request.partition == *partition;
        let (withdrawn, waiting) = self.waiting.drain(..).partition(of_it);
        self.waiting = waiting;
        let why = format!("{}: taken back before there was a connection", self.address);
        unsent(withdrawn, &why);
    }

    async fn connect(&mut self) -> io::Result<Link> {
        let attempt = self.network.connect(self.address);
        let clock = self.clock.clone();
        let limited = async move { clock.timeout(CONNECT_TIMEOUT, attempt).await };
        self.meanwhile(limited).await.unwrap_or_else(|elapsed| Err(io::Error::other(elapsed)))
    }

    /// Awaits `work`; takes orders, and ends what runs out of time, beside it.
    async fn meanwhile<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            tokio::select! { biased;
                output = &mut work => return output,
                Some(order) = self.inbox.recv() => self.accept(order),
                () = self.alarm.ring() => { self.expire(); }
            }
        }
    }

    /// Uses a connection until it ends, and says why it did.
    async fn converse(&mut self, link: Link) -> String {
        let Link { mut sink, mut stream } = link;
        let mut fed = Fed::Nothing;
        loop {
            if fed == Fed::Nothing {
                fed = self.feed(sink.as_mut());
            }
            if self.abandoned && self.pending.is_empty() && fed == Fed::Nothing {
                return "nobody uses it".to_owned();
            }
            if self.alarm.is_due() && self.expire() == Line::Dead {
                return format!("{} says nothing", self.address);
            }
            tokio::select! { biased;
                next = async { stream.next().await } => {
                    let mut next = next;
                    loop {
                        match next {
                            Ok(Some(frame)) => if let Err(error) = self.reply(frame) { return error },
                            Ok(None) => return format!("{} closed the connection", self.address),
                            Err(error) => return format!("{}: {error}", self.address),
                        }
                        next = match stream.ready() {
                            Ok(None) => break,
                            other => other,
                        };
                    }
                    self.heard = Some(self.clock.now());
                }
                flushed = async { sink.flush().await }, if fed == Fed::Something => match flushed {
                    Ok(()) => fed = Fed::Nothing,
                    Err(error) => return format!("{}: {error}", self.address),
                },
                order = self.inbox.recv(), if !self.abandoned => match order {
                    Some(order) => self.accept(order),
                    None => self.abandoned = true,
                },
                () = self.alarm.ring() => {}
            }
        }
    }

    /// Hands all that waits to the connection; from here on it may have been carried out.
    fn feed(&mut self, sink: &mut dyn FrameSink) -> Fed {
        while let Ok(order) = self.inbox.try_recv() {
            self.accept(order);
        }
        if self.waiting.is_empty() {
            return Fed::Nothing;
        }
        for Outgoing { request, submitted, waiter, claim } in self.waiting.drain(..) {
            let correlation = self.next;
            self.next = Correlation(correlation.0 + 1);
            let envelope =
                RequestEnvelope { correlation, channel: request.channel, partition: request.partition };
            let head = codec::encode_before(&envelope, &request.message);
            sink.feed(Frame { head, body: request.body });
            if let Some(waiter) = waiter {
                self.pending.insert(correlation, Pending { waiter, submitted, _claim: claim });
            }
        }
        Fed::Something
    }

    /// Tells who waits for this reply. Late ones find nobody.
    fn reply(&mut self, frame: Frame) -> Result<(), String> {
        let (envelope, message): (ReplyEnvelope, _) =
            codec::decode_before(&frame.head).map_err(|error| format!("{}: {error}", self.address))?;
        if let Some(pending) = self.pending.remove(&envelope.correlation) {
            pending.waiter.tell(Ok(Reply { message, body: frame.body }));
        }
        Ok(())
    }

    /// Ends the calls whose time is up, and tells whether the line is dead: nothing was heard since one was made.
    fn expire(&mut self) -> Line {
        let now = self.clock.now();
        let mut line = Line::Alive;
        let late = |waiter: &Waiter| waiter.deadline <= now;
        for (_, pending) in self.pending.extract_if(.., |_, pending| late(&pending.waiter)) {
            if self.heard.is_none_or(|heard| heard <= pending.submitted) {
                line = Line::Dead;
            }
            pending.waiter.tell(Err(CallError::Timeout));
        }
        let (ended, waiting) =
            self.waiting.drain(..).partition(|call| call.waiter.as_ref().is_some_and(late));
        self.waiting = waiting;
        unsent(ended, &format!("{}: no connection in time", self.address));
        let written = self.pending.values().map(|pending| pending.waiter.deadline);
        let unwritten = self.waiting.iter().filter_map(|call| Some(call.waiter.as_ref()?.deadline));
        self.alarm.set(written.chain(unwritten).min());
        line
    }

    /// The connection is gone: what was written may have been carried out, what was not was not.
    fn fail_all(&mut self, loss: &str) {
        self.shared.lost();
        while let Ok(order) = self.inbox.try_recv() {
            self.accept(order);
        }
        for (_, pending) in std::mem::take(&mut self.pending) {
            pending.waiter.tell(Err(CallError::Lost(loss.to_owned())));
        }
        unsent(std::mem::take(&mut self.waiting), loss);
        self.alarm.set(None);
    }

    /// Somewhere between half of it and all, so that those who lost the same node do not return together.
    fn jittered(&self, backoff: Duration) -> Duration {
        let micros = u64::try_from(backoff.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros / 2 + self.random.below(micros / 2 + 1))
    }
}

/// Tells the callers that these were not sent.
fn unsent(calls: VecDeque<Outgoing>, why: &str) {
    for waiter in calls.into_iter().filter_map(|call| call.waiter) {
        waiter.tell(Err(CallError::Unsent(why.to_owned())));
    }
}

fn longer(backoff: Duration) -> Duration {
    (backoff * 2).clamp(BACKOFF_MIN, BACKOFF_MAX)
}

/// Whether the sink holds frames that are to be flushed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fed {
    Nothing,
    Something,
}

/// What an expired call says about its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Alive,
    Dead,
}

/// One timer for all calls of a connection: set to the earliest deadline when it was set. Calls that end early leave
/// it as it is, so in steady load it is hardly ever touched.
struct Alarm {
    clock: Clock,
    at: Option<Moment>,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Alarm {
    fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), at: None, sleep: Box::pin(future::pending()) }
    }

    fn include(&mut self, deadline: Moment) {
        if self.at.is_none_or(|at| deadline < at) {
            self.set(Some(deadline));
        }
    }

    fn set(&mut self, at: Option<Moment>) {
        self.at = at;
        self.sleep = match at {
            Some(at) => Box::pin(self.clock.sleep_until(at)),
            None => Box::pin(future::pending()),
        };
    }

    fn is_due(&self) -> bool {
        self.at.is_some_and(|at| at <= self.clock.now())
    }

    /// Resolves when it is time.
    async fn ring(&mut self) {
        if !self.is_due() {
            self.sleep.as_mut().await;
        }
    }
}
