//! Where openraft's tasks run: tokio, with the node's own chance and tasks that end with the node.
//!
//! Four things differ from openraft's own tokio runtime, so that one seed gives the same bytes twice. Chance comes
//! from a seed (`DeterministicRng`); time is the node's own [`Clock`]; tasks belong to the node's [`Tasks`], so that a
//! crash ends them; and a watch wakes its waiters in the order in which they came (tokio's takes it from the operating
//! system's chance).

use std::fmt;
use std::future::Future;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use openraft_rt::deterministic_rng::DeterministicRng;
use openraft_rt::{AsyncRuntime, Instant, OptionalSend};
use openraft_rt_sim::SimWatch;
use openraft_rt_tokio::{TokioMpsc, TokioMutex, TokioOneshot, TokioRuntime};
use partition::clock::{Clock, Elapsed, Moment, Sleep, Timeout};
use partition::world::{Tasks, World};
use tokio::sync::oneshot;

/// The runtime that openraft is given.
pub(crate) type Runtime = DeterministicRng<NodeRuntime>;

/// Whose openraft this is: openraft asks its runtime by type, and so has no node at hand.
#[derive(Clone)]
pub(crate) struct Home {
    tasks: Tasks,
    clock: Clock,
}

tokio::task_local! {
    static HOME: Home;
}

impl Home {
    pub(crate) fn of(world: &World) -> Self {
        Self { tasks: world.tasks.clone(), clock: world.clock.clone() }
    }

    /// Runs a call of openraft as this node's, wherever it is awaited: one that finds openraft stopped waits a while.
    pub(crate) fn scope<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        HOME.scope(self.clone(), call)
    }

    /// The same for what happens at once.
    pub(crate) fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
        HOME.sync_scope(self.clone(), act)
    }

    fn clock() -> Clock {
        HOME.with(|home| home.clock.clone())
    }
}

/// Runs what may spawn or draw on openraft's behalf as this node's.
pub(crate) fn scoped<F: Future>(world: &World, work: F) -> impl Future<Output = F::Output> + use<F> {
    let seed = world.random.seed();
    HOME.scope(Home::of(world), Runtime::scope(seed, work))
}

/// Tokio, but tasks and time belong to a node.
#[derive(Debug)]
pub(crate) struct NodeRuntime(TokioRuntime);

/// Tokio's timers tick each millisecond: a shorter sleep would take a whole tick. openraft waits one microsecond to
/// join completions of the disk, and a yield does that as well. (Waiting until a moment is no such case: who asks the
/// clock again after a yield would find it where it was, for ever in virtual time.)
const SHORTEST_SLEEP: Duration = Duration::from_micros(500);

impl AsyncRuntime for NodeRuntime {
    type JoinError = Ended;
    type JoinHandle<T: OptionalSend + 'static> = Joining<T>;
    type Sleep = Either<Yield, Sleep>;
    type Instant = NodeInstant;
    type TimeoutError = Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = Timeout<T>;
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
        let home = HOME.with(Home::clone);
        let (done, joining) = oneshot::channel();
        let work = async move {
            let _ = done.send(future.await);
        };
        home.tasks.clone().spawn(HOME.scope(home, work));
        Joining(joining)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        if duration < SHORTEST_SLEEP {
            return Either::Left(Yield::default());
        }
        Either::Right(Home::clock().sleep(duration))
    }

    fn sleep_until(deadline: NodeInstant) -> Self::Sleep {
        let left = deadline.saturating_duration_since(NodeInstant::now());
        Either::Right(Home::clock().sleep(left))
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        Home::clock().timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: NodeInstant,
        future: F,
    ) -> Self::Timeout<R, F> {
        Self::timeout(deadline.saturating_duration_since(NodeInstant::now()), future)
    }

    fn is_panic(_: &Ended) -> bool {
        // A panic is reported by `Tasks`.
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
        let runtime = &mut self.0;
        // A clock begins inside a runtime; this is for openraft's own suite of tests, which has no node.
        runtime.block_on(async {
            let home = Home { tasks: Tasks::default(), clock: Clock::real() };
            HOME.scope(home, future).await
        })
    }
}

/// A moment on the node's clock, counted from a day before it began: openraft goes back from now by whole leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeInstant(Moment);

const BEFORE: Duration = Duration::from_secs(24 * 60 * 60);

impl openraft_rt::Instant for NodeInstant {
    fn now() -> Self {
        Self(Home::clock().now().after(BEFORE))
    }
}

impl Add<Duration> for NodeInstant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.after(span))
    }
}

impl AddAssign<Duration> for NodeInstant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for NodeInstant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(Moment::default().after(self.0.since(Moment::default()).saturating_sub(span)))
    }
}

impl Sub for NodeInstant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }
}

impl SubAssign<Duration> for NodeInstant {
    fn sub_assign(&mut self, span: Duration) {
        *self = *self - span;
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
