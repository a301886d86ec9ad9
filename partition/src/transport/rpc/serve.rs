//! The answering end: accepts connections, calls the service in order, sends answers as they come.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, mpsc};

use super::share::{Held, Share};
use super::{Correlation, ReplyEnvelope, RequestEnvelope};
use crate::clock::Clock;
use crate::ids::ByteSize;
use crate::transport::{
    Address, Answer, FRAME_SIZE_MAX, Frame, FrameSink, Link, Listener, Reply, Request, SharedService, codec,
    frame,
};
use crate::world::World;

/// Connections at once: each costs a task and two buffers. More are closed as they come.
const CONNECTIONS_MAX: usize = 1024;
/// Requests of one connection that are being answered. Beyond it nothing is read, and TCP slows the sender down.
const IN_FLIGHT_MAX: usize = 4096;
/// Answers are flushed when so many are ready, although more requests could be read first.
const UNFLUSHED_MAX: usize = 256;
/// Answers wait for a flush when so many bytes are ready: whoever asks for more than he takes is not served ahead.
const UNFLUSHED_BYTES_MAX: ByteSize = ByteSize::mib(8);
/// How long a connection may go on answering after it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// How soon a connection looks again whether the others hold less.
const CROWDED_PAUSE: Duration = Duration::from_millis(1);
/// Wait after an accept that failed: most likely file descriptors ran out, and one must be freed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A service that is being served. Dropping this changes nothing; the node's end, or [`Serving::stop`], ends it.
#[derive(Debug)]
pub struct Serving {
    address: Address,
    stop: Arc<Stop>,
    /// Closed when the last task has ended.
    running: mpsc::Receiver<()>,
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Stops listening and reading, lets what was asked be answered (for a short while), closes all connections.
    pub async fn stop(mut self) {
        self.stop.now();
        while self.running.recv().await.is_some() {}
    }
}

/// Answers whoever connects, until the node's tasks end.
pub fn serve(world: &World, listener: Box<dyn Listener>, service: SharedService) -> Serving {
    let (alive, running) = mpsc::channel(1);
    let stop = Arc::new(Stop::default());
    let serving = Serving { address: listener.address(), stop: Arc::clone(&stop), running };
    let host = Host {
        world: world.clone(),
        service,
        stop,
        alive,
        connections: Arc::default(),
        held: Arc::default(),
    };
    world.tasks.spawn(host.accept_all(listener));
    serving
}

/// What the connections of one listener share.
#[derive(Clone)]
struct Host {
    world: World,
    service: SharedService,
    stop: Arc<Stop>,
    alive: mpsc::Sender<()>,
    connections: Arc<AtomicUsize>,
    held: Arc<Held>,
}

impl Host {
    async fn accept_all(self, mut listener: Box<dyn Listener>) {
        let stop = Arc::clone(&self.stop);
        let mut stopping = pin!(stop.wait());
        loop {
            let accepted = tokio::select! { biased;
                () = &mut stopping => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(link) => self.start(link),
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    self.world.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&self, link: Link) {
        if self.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("more than {CONNECTIONS_MAX} connections: closed the newest");
            return;
        }
        let host = self.clone();
        self.world.tasks.spawn(async move {
            if let Err(error) = host.converse(link).await {
                tracing::warn!(%error, "closed a connection");
            }
            host.connections.fetch_sub(1, Ordering::Relaxed);
            drop(host.alive);
        });
    }

    /// Answers one connection until it ends, or is ended.
    async fn converse(&self, link: Link) -> io::Result<()> {
        let Link { mut sink, mut stream } = link;
        let mut stopping = pin!(self.stop.wait());
        let mut answers = FuturesUnordered::new();
        let mut share = Share::of(&self.held);
        let mut unflushed = Unflushed::default();
        loop {
            let room = has_room(answers.len(), &share) && unflushed.count < UNFLUSHED_MAX;
            // While others hold all there is, nobody tells when that ends: it is looked for again.
            let crowded = !room && share.is_crowded();
            tokio::select! { biased;
                Some((correlation, size, answer)) = answers.next(), if unflushed.bytes < UNFLUSHED_BYTES_MAX && !answers.is_empty() => {
                    share.give_back(size);
                    match answer {
                        Answer::Reply(reply) => {
                            unflushed.bytes.0 += feed(sink.as_mut(), correlation, reply)?.0;
                            unflushed.count += 1;
                        }
                        Answer::Silence => {}
                        Answer::Close => return sink.flush().await,
                    }
                }
                () = &mut stopping => break,
                next = async { stream.next().await }, if room => {
                    let Some(mut frame) = next? else { return Ok(()) };
                    loop {
                        let size = ByteSize((frame.head.len() + frame.body.len()) as u64);
                        share.take(size);
                        let (correlation, request) = request(frame)?;
                        let answer = self.service.call(request);
                        answers.push(async move { (correlation, size, answer.await) });
                        if !has_room(answers.len(), &share) {
                            break;
                        }
                        frame = match stream.ready()? {
                            Some(frame) => frame,
                            None => break,
                        };
                    }
                }
                flushed = async { sink.flush().await }, if unflushed.count > 0 => {
                    flushed?;
                    unflushed = Unflushed::default();
                }
                () = self.world.clock.sleep(CROWDED_PAUSE), if crowded => {}
            }
        }
        finish(&self.world.clock, answers, sink.as_mut()).await
    }
}

/// Answers that were written and not flushed.
#[derive(Default)]
struct Unflushed {
    count: usize,
    bytes: ByteSize,
}

/// Whether one connection may have another request answered.
fn has_room(count: usize, share: &Share) -> bool {
    count < IN_FLIGHT_MAX && share.has_room()
}

/// Answers what was asked before the stop, as far as that is done soon.
async fn finish(
    clock: &Clock,
    mut answers: FuturesUnordered<impl Future<Output = (Correlation, ByteSize, Answer)>>,
    sink: &mut dyn FrameSink,
) -> io::Result<()> {
    let all = async {
        while let Some((correlation, _, answer)) = answers.next().await {
            if let Answer::Reply(reply) = answer {
                feed(sink, correlation, reply)?;
            }
        }
        sink.flush().await
    };
    clock.timeout(STOP_GRACE, all).await.unwrap_or(Ok(()))
}

fn request(frame: Frame) -> io::Result<(Correlation, Request)> {
    let (envelope, message): (RequestEnvelope, _) = codec::decode_before(&frame.head)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let RequestEnvelope { correlation, channel, partition } = envelope;
    Ok((correlation, Request { channel, partition, message, body: frame.body }))
}

/// Writes an answer; returns its size.
fn feed(sink: &mut dyn FrameSink, correlation: Correlation, reply: Reply) -> io::Result<ByteSize> {
    let head = codec::encode_before(&ReplyEnvelope { correlation }, &reply.message);
    let frame = Frame { head, body: reply.body };
    let size = frame::size(&frame);
    if size > FRAME_SIZE_MAX {
        return Err(io::Error::other("an answer did not fit a frame"));
    }
    sink.feed(frame);
    Ok(size)
}

/// A signal that is given once and stays given.
#[derive(Debug, Default)]
struct Stop {
    given: AtomicBool,
    changed: Notify,
}

impl Stop {
    fn now(&self) {
        self.given.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    async fn wait(&self) {
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        if !self.given.load(Ordering::Acquire) {
            changed.await;
        }
    }
}
