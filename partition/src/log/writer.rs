//! The log's back: a small fixed pool of writers, each owning some logs; simulated writers are tasks that take virtual time.
//!
//! A writer takes what is queued, writes it, syncs each file once, and then reports: the more waits, the less a sync
//! costs each. Nothing is held back to make a group larger, so a lone append waits for nobody.

mod group;
mod pace;
mod sweeper;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc as tasks_mpsc, oneshot};

use super::back::Back;
use super::disk::Slowness;
use super::order::{AppendJob, Order};
use crate::clock::Clock;
use crate::ids::ByteSize;
use crate::world::Tasks;

use group::Hand;
use sweeper::Sweeper;

pub(crate) use pace::{Delays, Pace};

/// A pool of writers. Each log is given to one of them when it is opened, and stays with it.
#[derive(Clone)]
pub struct Writers(Arc<Pool>);

struct Pool {
    queues: Vec<Queue>,
    logs: AtomicU64,
    totals: Arc<Totals>,
}

/// How long a simulated writer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterDelays {
    /// Each write(2).
    pub write: Duration,
    /// Each fdatasync.
    pub sync: Duration,
}

/// What writers have done since they started: what a test counts against what n copies need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WriterTotals {
    /// Calls to fdatasync for log data.
    pub syncs: u64,
    /// Bytes of batches written.
    pub bytes: u64,
}

/// What the totals are counted in.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    syncs: AtomicU64,
    bytes: AtomicU64,
}

impl Totals {
    pub(crate) fn synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self, bytes: ByteSize) {
        self.bytes.fetch_add(bytes.0, Ordering::Relaxed);
    }
}

/// A log, among those of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogKey(u64);

/// What is asked of a writer.
enum Job {
    /// A log is opened: this writer owns its back from now on.
    Adopt(LogKey, Box<Back>),
    Append(LogKey, AppendJob),
    Order(LogKey, Box<Order>),
    /// Nobody holds the log's front any more.
    Forget(LogKey),
    Run(Box<dyn FnOnce() + Send>),
}

impl Job {
    /// What it adds to a group.
    fn size(&self) -> u64 {
        match self {
            Self::Append(_, append) => append.bytes.len() as u64,
            _ => 0,
        }
    }
}

/// A group ends when it holds so much: what came first should not wait for megabytes that came later. A disk of 500 MB/s
/// takes it in 4 ms; half as much costs a tenth of the throughput of large batches.
const GROUP_BYTES_MAX: ByteSize = ByteSize::mib(2);

/// How often a log is looked after that found no room, or has a flush to come.
const LOOK_AFTER_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone)]
enum Queue {
    Thread(mpsc::Sender<Job>),
    Task(tasks_mpsc::UnboundedSender<Job>),
}

impl Queue {
    /// Whether the writer is still there.
    fn send(&self, job: Job) -> bool {
        match self {
            Self::Thread(queue) => queue.send(job).is_ok(),
            Self::Task(queue) => queue.send(job).is_ok(),
        }
    }
}

impl Writers {
    /// So many threads.
    ///
    /// # Panics
    /// When the operating system gives no thread.
    #[must_use]
    pub fn threads(count: NonZeroUsize) -> Self {
        let totals = Arc::new(Totals::default());
        let (clock, sweeper) = (Clock::real(), Sweeper::thread());
        let start = |number| {
            let (queue, jobs) = mpsc::channel();
            let hand =
                Hand::new(Pace::new(clock.clone(), Delays::Real, sweeper.clone()), Arc::clone(&totals));
            let thread = std::thread::Builder::new().name(format!("log-writer-{number}"));
            thread.spawn(move || write_on_a_thread(&jobs, hand)).expect("a thread can be started");
            Queue::Thread(queue)
        };
        Self::new((0..count.get()).map(start).collect(), totals)
    }

    /// One simulated writer.
    #[must_use]
    pub fn simulated(clock: &Clock, tasks: &Tasks, delays: WriterDelays) -> Self {
        Self::simulated_on(clock, tasks, delays, Slowness::default())
    }

    /// One simulated writer, on a disk that may become slow.
    pub(crate) fn simulated_on(
        clock: &Clock,
        tasks: &Tasks,
        delays: WriterDelays,
        slowness: Slowness,
    ) -> Self {
        let totals = Arc::new(Totals::default());
        let (queue, jobs) = tasks_mpsc::unbounded_channel();
        let delays = Delays::Simulated(clock.clone(), delays, slowness);
        let sweeper = Sweeper::simulated(tasks, delays.clone());
        let hand = Hand::new(Pace::new(clock.clone(), delays, sweeper), Arc::clone(&totals));
        tasks.spawn(write_in_a_task(jobs, hand, clock.clone()));
        Self::new(vec![Queue::Task(queue)], totals)
    }

    fn new(queues: Vec<Queue>, totals: Arc<Totals>) -> Self {
        Self(Arc::new(Pool { queues, logs: AtomicU64::new(0), totals }))
    }

    /// What they have done.
    #[must_use]
    pub fn totals(&self) -> WriterTotals {
        let totals = &self.0.totals;
        WriterTotals {
            syncs: totals.syncs.load(Ordering::Relaxed),
            bytes: totals.bytes.load(Ordering::Relaxed),
        }
    }

    /// Runs `work` on the first writer, after what was queued there before it: for small synced files.
    /// It is queued when this is called. When the writer is gone, as after a simulated crash, the future never ends.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        let (reply, done) = oneshot::channel();
        let job = Job::Run(Box::new(move || drop(reply.send(work()))));
        self.0.queues[0].send(job);
        async move {
            match done.await {
                Ok(value) => value,
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Gives a log to one of them.
    pub(crate) fn adopt(&self, back: Back) -> WriterOfLog {
        let number = self.0.logs.fetch_add(1, Ordering::Relaxed);
        let count = self.0.queues.len() as u64;
        let at = usize::try_from(number % count).expect("less than the number of queues");
        let writer = WriterOfLog { queue: self.0.queues[at].clone(), key: LogKey(number) };
        writer.queue.send(Job::Adopt(writer.key, Box::new(back)));
        writer
    }
}

/// The writer that owns one log.
pub(crate) struct WriterOfLog {
    queue: Queue,
    key: LogKey,
}

impl WriterOfLog {
    /// Queues a batch; false when the writer is gone.
    pub(crate) fn append(&self, append: AppendJob) -> bool {
        self.queue.send(Job::Append(self.key, append))
    }

    /// Queues an order; false when the writer is gone.
    pub(crate) fn order(&self, order: Order) -> bool {
        self.queue.send(Job::Order(self.key, Box::new(order)))
    }
}

impl Drop for WriterOfLog {
    fn drop(&mut self) {
        self.queue.send(Job::Forget(self.key));
    }
}

fn write_on_a_thread(jobs: &mpsc::Receiver<Job>, mut hand: Hand) {
    let mut group = Vec::new();
    loop {
        let first = if hand.is_restless() {
            match jobs.recv_timeout(LOOK_AFTER_EVERY) {
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                first => first.ok(),
            }
        } else {
            let Ok(first) = jobs.recv() else { return };
            Some(first)
        };
        fill(&mut group, first, || jobs.try_recv().ok());
        let work = hand.work(&mut group);
        work.now_or_never().expect("a real writer waits for nothing but the disk");
    }
}

async fn write_in_a_task(mut jobs: tasks_mpsc::UnboundedReceiver<Job>, mut hand: Hand, clock: Clock) {
    let mut group = Vec::new();
    loop {
        let first = if hand.is_restless() {
            match clock.timeout(LOOK_AFTER_EVERY, jobs.recv()).await {
                Ok(None) => return,
                Ok(first) => first,
                Err(_) => None,
            }
        } else {
            let Some(first) = jobs.recv().await else { return };
            Some(first)
        };
        fill(&mut group, first, || jobs.try_recv().ok());
        hand.work(&mut group).await;
    }
}

/// What is queued at this moment, within [`GROUP_BYTES_MAX`].
fn fill(group: &mut Vec<Job>, first: Option<Job>, mut next: impl FnMut() -> Option<Job>) {
    let mut size = first.as_ref().map_or(0, Job::size);
    group.extend(first);
    while !group.is_empty()
        && size < GROUP_BYTES_MAX.0
        && let Some(next) = next()
    {
        size += next.size();
        group.push(next);
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writers({}, {:?})", self.0.queues.len(), self.totals())
    }
}

impl fmt::Debug for WriterOfLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterOfLog({:?})", self.key)
    }
}
