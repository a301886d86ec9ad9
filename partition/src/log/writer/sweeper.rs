//! Beside the writers: one more thread (a task in virtual time) for what no append should wait for.
//!
//! It sets space aside ahead of the logs, unlinks what was trimmed, cuts and syncs sealed segments. Logs take turns, a
//! step at a time, so that a long piece of work for one does not keep another from its space.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, mpsc};

use futures_util::FutureExt;
use tokio::sync::mpsc as tasks_mpsc;

use super::pace::Delays;
use crate::log::aside::{Aside, Left};
use crate::world::Tasks;

/// Where the sweeper hears of logs that have work for it. It ends when all who could tell it have.
#[derive(Clone)]
pub(crate) enum Sweeper {
    Thread(mpsc::Sender<Arc<Aside>>),
    Task(tasks_mpsc::UnboundedSender<Arc<Aside>>),
}

impl Sweeper {
    /// A thread.
    pub(super) fn thread() -> Self {
        let (queue, calls) = mpsc::channel();
        let thread = std::thread::Builder::new().name("log-sweeper".to_owned());
        thread.spawn(move || sweep_on_a_thread(&calls)).expect("a thread can be started");
        Self::Thread(queue)
    }

    /// A task in virtual time.
    pub(super) fn simulated(tasks: &Tasks, delays: Delays) -> Self {
        let (queue, calls) = tasks_mpsc::unbounded_channel();
        tasks.spawn(sweep_in_a_task(calls, delays));
        Self::Task(queue)
    }

    /// When the sweeper is gone, as after a simulated crash, so is all reason to do the work.
    pub(super) fn tell(&self, log: &Arc<Aside>) {
        match self {
            Self::Thread(queue) => drop(queue.send(Arc::clone(log))),
            Self::Task(queue) => drop(queue.send(Arc::clone(log))),
        }
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweeper")
    }
}

fn sweep_on_a_thread(calls: &mpsc::Receiver<Arc<Aside>>) {
    let mut turns = VecDeque::new();
    while let Some(log) = turns.pop_front().or_else(|| calls.recv().ok()) {
        let step = take_step(log, &Delays::Real, &mut turns);
        step.now_or_never().expect("a real sweeper waits for nothing but the disk");
        turns.extend(calls.try_iter());
    }
}

async fn sweep_in_a_task(mut calls: tasks_mpsc::UnboundedReceiver<Arc<Aside>>, delays: Delays) {
    let mut turns = VecDeque::new();
    loop {
        let next = match turns.pop_front() {
            Some(log) => Some(log),
            None => calls.recv().await,
        };
        let Some(log) = next else { return };
        take_step(log, &delays, &mut turns).await;
        while let Ok(log) = calls.try_recv() {
            turns.push_back(log);
        }
    }
}

/// The log goes behind the others when it has more to do.
async fn take_step(log: Arc<Aside>, delays: &Delays, turns: &mut VecDeque<Arc<Aside>>) {
    match log.step(delays).await {
        Left::More => turns.push_back(log),
        Left::Nothing => {}
    }
}
