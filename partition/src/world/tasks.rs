//! A node's tasks: spawned through one door, so that a crash ends them all, a pause holds them all, and a panic in any
//! is seen.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

/// Spawns a node's tasks, and ends them all when the node crashes.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    running: Mutex<Running>,
    gate: Arc<Gate>,
    panics: Panics,
}

#[derive(Default)]
struct Running {
    tasks: tokio::task::JoinSet<()>,
    /// After a crash nothing is spawned any more.
    crashed: bool,
}

/// Whether any task of some nodes has panicked: a broken invariant, after which no result of theirs counts.
#[derive(Clone, Debug, Default)]
pub struct Panics(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    first: Mutex<Option<String>>,
    changed: Notify,
    /// How often tasks were polled since time last passed; in virtual time only.
    turns: Option<AtomicU64>,
}

/// Polls that a simulated run may take without time passing: more, and tasks wake each other for ever.
const TURNS_MAX: u64 = 1_000_000;

impl Panics {
    /// For a run in virtual time, where tasks that never rest are a panic too: time would stand still for ever.
    pub(crate) fn in_virtual_time() -> Self {
        Self(Arc::new(Seen { turns: Some(AtomicU64::new(0)), ..Seen::default() }))
    }

    /// All tasks rest, and time passes.
    pub(crate) fn time_passes(&self) {
        if let Some(turns) = &self.0.turns {
            turns.store(0, Ordering::Relaxed);
        }
    }

    fn turn(&self) {
        if let Some(turns) = &self.0.turns {
            let taken = turns.fetch_add(1, Ordering::Relaxed);
            assert!(taken < TURNS_MAX, "tasks wake each other for ever while time stands still");
        }
    }

    /// Whether one has.
    #[must_use]
    pub fn any(&self) -> bool {
        self.said().is_some()
    }

    /// What the first one said.
    #[must_use]
    pub fn said(&self) -> Option<String> {
        self.0.first.lock().expect("no holder panics").clone()
    }

    /// Resolves when one has.
    pub async fn wait(&self) {
        let mut changed = std::pin::pin!(self.0.changed.notified());
        changed.as_mut().enable();
        if !self.any() {
            changed.await;
        }
    }

    fn note(&self, said: String) {
        self.0.first.lock().expect("no holder panics").get_or_insert(said);
        self.0.changed.notify_waiters();
    }
}

impl Tasks {
    /// Tasks whose panics are noted together with those of other nodes.
    #[must_use]
    pub fn watched_by(panics: &Panics) -> Self {
        Self(Arc::new(Inner { panics: panics.clone(), ..Inner::default() }))
    }

    /// Where the panics of these tasks are noted.
    #[must_use]
    pub fn panics(&self) -> &Panics {
        &self.0.panics
    }

    /// Starts a task that ends with the node, if not before. Does nothing once the node has crashed.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.0.running.lock().expect("no holder panics");
        if running.crashed {
            return;
        }
        // How each ended is known already: a panic was noted when it happened.
        while running.tasks.try_join_next().is_some() {}
        let (gate, panics) = (Arc::clone(&self.0.gate), self.0.panics.clone());
        let number = gate.next.fetch_add(1, Ordering::Relaxed);
        running.tasks.spawn(Task { work: Box::pin(task), number, gate, panics });
    }

    /// Runs what blocks where it may block: off the runtime's own threads.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        #[expect(clippy::disallowed_methods, reason = "this is the door")]
        let done = tokio::task::spawn_blocking(work);
        done.await.expect("blocking work does not panic")
    }

    /// Ends every task where it stands, as a crash does.
    pub fn crash(&self) {
        let mut running = self.0.running.lock().expect("no holder panics");
        running.crashed = true;
        running.tasks.abort_all();
    }

    /// After [`Tasks::crash`]: resolves when no task is left, and with them nothing of what they held.
    /// Not to be awaited by one of these tasks.
    pub async fn ended(&self) {
        let mut tasks = std::mem::take(&mut self.0.running.lock().expect("no holder panics").tasks);
        while tasks.join_next().await.is_some() {}
    }

    /// Holds every task where it stands, until [`Tasks::resume`]; timers go on, as they do for a stopped process.
    pub fn pause(&self) {
        self.0.gate.closed.store(true, Ordering::Release);
    }

    /// Lets the tasks go on.
    pub fn resume(&self) {
        self.0.gate.closed.store(false, Ordering::Release);
        let held = std::mem::take(&mut *self.0.gate.held.lock().expect("no holder panics"));
        for waker in held.into_values() {
            waker.wake();
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tasks")
    }
}

/// What holds paused tasks.
#[derive(Default)]
struct Gate {
    closed: AtomicBool,
    next: AtomicU64,
    /// Tasks that were woken while it was closed, in the order they were spawned.
    held: Mutex<BTreeMap<u64, Waker>>,
}

struct Task {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    number: u64,
    gate: Arc<Gate>,
    panics: Panics,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gate.closed.load(Ordering::Acquire) {
            self.gate.held.lock().expect("no holder panics").insert(self.number, cx.waker().clone());
            // It may have been opened between the look and the insertion.
            if self.gate.closed.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        let Self { work, panics, .. } = &mut *self;
        // It is noted, and goes on: nothing that the task held is used again.
        match panic::catch_unwind(AssertUnwindSafe(|| {
            panics.turn();
            work.as_mut().poll(cx)
        })) {
            Ok(polled) => polled,
            Err(panic) => {
                panics.note(panic_text(&*panic));
                panic::resume_unwind(panic)
            }
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    format!("panicked: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_paused_task_does_not_move_until_it_is_resumed() {
        let tasks = Tasks::default();
        let (ask, asked) = oneshot::channel::<()>();
        let (done, mut is_done) = oneshot::channel::<()>();
        tasks.spawn(async move {
            asked.await.unwrap();
            done.send(()).unwrap();
        });
        tokio::task::yield_now().await;
        tasks.pause();
        ask.send(()).unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(is_done.try_recv().is_err());
        tasks.resume();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_crash_ends_all_tasks_and_frees_what_they_held() {
        let tasks = Tasks::default();
        let held = Arc::new(());
        for _ in 0..3 {
            let held = Arc::clone(&held);
            tasks.spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        tokio::task::yield_now().await;
        tasks.crash();
        tasks.ended().await;
        assert_eq!(Arc::strong_count(&held), 1);
        tasks.spawn(async { panic!("spawned after the crash") });
        tokio::task::yield_now().await;
        assert!(!tasks.panics().any());
    }

    #[tokio::test]
    async fn a_panic_in_a_task_is_noted() {
        let panics = Panics::default();
        let tasks = Tasks::watched_by(&panics);
        tasks.spawn(async { panic!("on purpose") });
        panics.wait().await;
        assert_eq!(panics.said().unwrap(), "panicked: on purpose");
    }
}
