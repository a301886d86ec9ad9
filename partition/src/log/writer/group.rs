//! One writer's hand: works off what was queued, in order, with one sync for all the appends of a log in a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Job, LogKey, Pace, Totals};
use crate::clock::Moment;
use crate::log::back::Back;
use crate::log::order::Order;

/// The logs of one writer, and how it goes about them.
#[derive(Debug)]
pub(super) struct Hand {
    logs: BTreeMap<LogKey, Back>,
    /// Logs with appends that are not stored yet, in the order in which they were first touched.
    touched: Vec<LogKey>,
    pace: Pace,
    totals: Arc<Totals>,
    /// When logs that found no room are tried again, at the earliest: no append is held up by that more often.
    next_look: Moment,
}

impl Hand {
    pub(super) fn new(pace: Pace, totals: Arc<Totals>) -> Self {
        Self { logs: BTreeMap::new(), touched: Vec::new(), pace, totals, next_look: Moment::default() }
    }

    /// Works off a group of jobs, and looks after the logs when their time has come.
    pub(super) async fn work(&mut self, jobs: &mut Vec<Job>) {
        self.work_off(jobs).await;
        if self.is_restless() && self.pace.now() >= self.next_look {
            self.next_look = self.pace.now().after(super::LOOK_AFTER_EVERY);
            self.look_after().await;
        }
    }

    async fn work_off(&mut self, jobs: &mut Vec<Job>) {
        let mut obeyed = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Adopt(key, back) => {
                    self.logs.insert(key, *back);
                }
                Job::Append(key, append) => {
                    let Some(log) = self.logs.get_mut(&key) else { continue };
                    if log.is_settled() {
                        self.touched.push(key);
                    }
                    log.take(append, &self.pace, &self.totals).await;
                }
                Job::Order(key, order) => {
                    if !matches!(*order, Order::Epochs(_) | Order::Mark(_)) {
                        self.settle(key).await;
                    }
                    let Some(log) = self.logs.get_mut(&key) else { continue };
                    log.obey(*order, &self.pace, &self.totals).await;
                    obeyed.push(key);
                }
                Job::Forget(key) => {
                    self.settle(key).await;
                    self.logs.remove(&key);
                }
                Job::Run(work) => {
                    self.settle_all().await;
                    self.pace.sync().await;
                    work();
                }
            }
        }
        let stored = self.settle_all().await;
        for key in stored.into_iter().chain(obeyed) {
            if let Some(log) = self.logs.get_mut(&key) {
                log.tidy(&self.pace);
            }
        }
    }

    /// Whether some log wants to be looked after, though nobody asks anything of it.
    pub(super) fn is_restless(&self) -> bool {
        self.logs.values().any(Back::is_restless)
    }

    async fn look_after(&mut self) {
        for log in self.logs.values_mut().filter(|log| log.is_restless()) {
            log.look_after(&self.pace, &self.totals).await;
        }
    }

    /// Writes all logs before it syncs the first, so that the disk has all of it at hand.
    async fn settle_all(&mut self) -> Vec<LogKey> {
        let touched = std::mem::take(&mut self.touched);
        for key in &touched {
            if let Some(log) = self.logs.get_mut(key) {
                log.write(&self.pace, &self.totals).await;
            }
        }
        for key in &touched {
            if let Some(log) = self.logs.get_mut(key) {
                log.store(&self.pace, &self.totals).await;
            }
        }
        touched
    }

    async fn settle(&mut self, key: LogKey) {
        self.touched.retain(|touched| *touched != key);
        if let Some(log) = self.logs.get_mut(&key) {
            log.write(&self.pace, &self.totals).await;
            log.store(&self.pace, &self.totals).await;
        }
    }
}
