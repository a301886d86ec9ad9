//! A simulated run's time: one queue of timers, in order of true time and then of registration.
//!
//! Nobody polls it. The run's executor calls [`Timeline::advance`] when no task can run, and one timer goes off: what it
//! wakes runs to its end before the next one does.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::Moment;
use super::skew::Skew;
use crate::ids::NodeId;

/// Whose timer it is: what a trace and a step of a run tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// A node's: it runs on that node's clock.
    Node(NodeId),
    /// A node's writer's: what it waits for is its disk.
    Writer(NodeId),
    /// The network's: something arrives.
    Network,
    /// The run's own.
    Run,
}

/// The time of one run. Clones speak of the same one.
#[derive(Clone, Default)]
pub(crate) struct Timeline(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Moment,
    skews: BTreeMap<NodeId, Skew>,
    waiting: BTreeMap<Due, Waiting>,
    registered: u64,
}

/// True time, and the order of registration among those of one moment.
type Due = (Moment, u64);

struct Waiting {
    whose: Whose,
    waker: Waker,
}

impl State {
    fn skew(&self, whose: Whose) -> Skew {
        match whose {
            Whose::Node(node) => self.skews.get(&node).copied().unwrap_or_default(),
            Whose::Writer(_) | Whose::Network | Whose::Run => Skew::default(),
        }
    }
}

impl Timeline {
    /// A clock of this time. Only nodes' clocks can be skewed.
    pub(crate) fn clock(&self, whose: Whose) -> VirtualClock {
        VirtualClock { timeline: self.clone(), whose }
    }

    /// True time.
    pub(crate) fn now(&self) -> Moment {
        self.state().now
    }

    /// Lets the next timer go off, and says whose it was; nothing when there is none.
    pub(crate) fn advance(&self) -> Option<Whose> {
        let mut state = self.state();
        let ((due, _), Waiting { whose, waker }) = state.waiting.pop_first()?;
        state.now = state.now.max(due);
        drop(state);
        waker.wake();
        Some(whose)
    }

    /// Changes how a node's clock reads. Its timers look again at when they are due.
    pub(crate) fn skew(&self, node: NodeId, change: impl FnOnce(Skew, Moment) -> Skew) {
        let mut state = self.state();
        let now = state.now;
        let skew = change(state.skew(Whose::Node(node)), now);
        state.skews.insert(node, skew);
        let its: Vec<Waiting> = state
            .waiting
            .extract_if(.., |_, waiting| waiting.whose == Whose::Node(node))
            .map(|(_, w)| w)
            .collect();
        drop(state);
        for waiting in its {
            waiting.waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timeline({})", self.now())
    }
}

/// One reader of a run's time.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    timeline: Timeline,
    whose: Whose,
}

impl VirtualClock {
    pub(crate) fn now(&self) -> Moment {
        let state = self.timeline.state();
        state.skew(self.whose).read(state.now)
    }

    pub(crate) fn wall_ms(&self) -> i64 {
        let state = self.timeline.state();
        state.skew(self.whose).wall_ms(state.now)
    }

    /// A timer that goes off when this clock reads so much.
    pub(crate) fn timer(&self, deadline: Moment) -> Timer {
        Timer { clock: self.clone(), deadline, due: None }
    }
}

/// Goes off when a virtual clock reads so much.
#[derive(Debug)]
#[must_use = "a timer does nothing unless it is awaited"]
pub struct Timer {
    clock: VirtualClock,
    deadline: Moment,
    /// Where it waits, if it has not gone off since.
    due: Option<Due>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { clock, deadline, due } = &mut *self;
        let mut state = clock.timeline.state();
        let skew = state.skew(clock.whose);
        if skew.read(state.now) >= *deadline {
            let waiting = due.take().and_then(|due| state.waiting.remove(&due));
            drop(state);
            drop(waiting);
            return Poll::Ready(());
        }
        if let Some(waiting) = due.and_then(|due| state.waiting.get_mut(&due)) {
            waiting.waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        let at = (skew.when(*deadline), state.registered);
        state.registered += 1;
        state.waiting.insert(at, Waiting { whose: clock.whose, waker: cx.waker().clone() });
        *due = Some(at);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(due) = self.due {
            let waiting = self.clock.timeline.state().waiting.remove(&due);
            drop(waiting);
        }
    }
}
