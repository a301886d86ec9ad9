//! A task that does nothing, woken with each timer.
//!
//! A timer may wake nobody: its task has ended, and the timer is still to be dropped with something that lives. The
//! runtime would then go to sleep for good. With this task it comes back, and the next timer goes off.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use crate::world::Tasks;

#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<OnceLock<Waker>>);

impl Pulse {
    pub(super) fn started(tasks: &Tasks) -> Self {
        let pulse = Self::default();
        let woken = pulse.clone();
        tasks.spawn(poll_fn(move |cx| {
            woken.0.get_or_init(|| cx.waker().clone());
            Poll::Pending
        }));
        pulse
    }

    pub(super) fn beat(&self) {
        if let Some(waker) = self.0.get() {
            waker.wake_by_ref();
        }
    }
}
