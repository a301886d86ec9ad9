//! Where openraft's tasks run: tokio, with the node's own chance and tasks that end with the node.
//!
//! Three things differ from openraft's own tokio runtime, so that one seed gives the same bytes twice. Chance comes
//! from a seed (`DeterministicRng`); tasks belong to the node's [`Tasks`], so that a crash ends them; and a watch wakes
//! its waiters in the order in which they came (tokio's takes it from the operating system's chance).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use openraft_rt::deterministic_rng::DeterministicRng;
use openraft_rt::{AsyncRuntime, Instant, OptionalSend};
use openraft_rt_sim::SimWatch;
use openraft_rt_tokio::{TokioInstant, TokioMpsc, TokioMutex, TokioOneshot, TokioRuntime};
use partition::world::{Tasks, World};
use tokio::sync::oneshot;

/// The runtime that openraft is given.
pub(crate) type Runtime = DeterministicRng<NodeRuntime>;

tokio::task_local! {
    static TASKS: Tasks;
}

/// Runs what may spawn or draw on openraft's behalf as this node's.
pub(crate) fn scoped<F: Future>(world: &World, work: F) -> impl Future<Output = F::Output> + use<F> {
    let seed = world.random.seed();
    TASKS.scope(world.tasks.clone(), Runtime::scope(seed, work))
}

/// Tokio, but tasks belong to a node.
#[derive(Debug)]
pub(crate) struct NodeRuntime(TokioRuntime);

/// Tokio's timers tick each millisecond: a shorter sleep would take a whole tick. openraft waits one microsecond to
/// join completions of the disk, and a yield does that as well.
const SHORTEST_SLEEP: Duration = Duration::from_micros(500);

impl AsyncRuntime for NodeRuntime {
    type JoinError = Ended;
    type JoinHandle<T: OptionalSend + 'static> = Joining<T>;
    type Sleep = Either<Yield, tokio::time::Sleep>;
    type Instant = TokioInstant;
    type TimeoutError = tokio::time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = tokio::time::Timeout<T>;
    type ThreadLocalRng = <TokioRuntime as AsyncRuntime>::ThreadLocalRng;
    type Mpsc = TokioMpsc;
    type Watch = SimWatch;
    type Oneshot = TokioOneshot;
    type Mutex<T: OptionalSend + 'static> = TokioMutex<T>;

    fn spawn<T>(future: T) -> Joining<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        let tasks = TASKS.with(Tasks::clone);
        let (done, joining) = oneshot::channel();
        let work = async move {
            let _ = done.send(future.await);
        };
        tasks.spawn(TASKS.scope(tasks.clone(), work));
        Joining(joining)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        if duration < SHORTEST_SLEEP {
            return Either::Left(Yield::default());
        }
        Either::Right(tokio::time::sleep(duration))
    }

    fn sleep_until(deadline: TokioInstant) -> Self::Sleep {
        Self::sleep(deadline.saturating_duration_since(TokioInstant::now()))
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: TokioInstant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(_: &Ended) -> bool {
        // A panic is reported by `Tasks`, and aborts a release build.
        false
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        TokioRuntime::thread_rng()
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(TASKS.scope(Tasks::default(), future))
    }
}

/// The task ended before it had a result: its node crashed, or it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task ended without a result")]
pub(crate) struct Ended;

/// Waits for a task's result.
pub(crate) struct Joining<T>(oneshot::Receiver<T>);

impl<T> Future for Joining<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| Ended)
    }
}

impl<T> fmt::Debug for Joining<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joining")
    }
}

/// Lets the others go first, once.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
