//! A disk that is full: what waits for room, and how the log gets going again.
//!
//! It shows in two places. The sweeper finds no room for zeros ahead of the log's end: appends are refused from then on,
//! and what is under way finds its place in the zeros that are left. Or a write finds none: what it should have written
//! stays in memory, all that comes after it waits in order, and the writer tries again once in a while. A sync that
//! fails is another matter, whatever its reason: nobody knows what it kept.

use std::collections::VecDeque;
use std::io;

use super::Back;
use crate::log::event::LogEvent;
use crate::log::order::{AppendJob, Order};
use crate::log::writer::{Pace, Totals};

/// What a log knows of the room on its disk.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Why nothing can be written.
    stuck: Option<String>,
    /// Why no more zeros could be set aside.
    scarce: Option<String>,
    announced: Announced,
    /// What came after the write that found no room.
    waiting: VecDeque<Waiting>,
}

/// What the front was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Announced {
    #[default]
    Roomy,
    Full,
}

#[derive(Debug)]
enum Waiting {
    Append(AppendJob),
    Order(Order),
}

impl Room {
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }

    pub(super) fn is_short(&self) -> bool {
        self.stuck.is_some() || self.scarce.is_some()
    }

    pub(super) fn stick(&mut self, error: &io::Error) {
        self.stuck = Some(error.to_string());
    }

    pub(super) fn wait_with_append(&mut self, append: AppendJob) {
        self.waiting.push_back(Waiting::Append(append));
    }

    pub(super) fn wait_with_order(&mut self, order: Order) {
        self.waiting.push_back(Waiting::Order(order));
    }

    /// This one was tried: it stays the first.
    pub(super) fn wait_again_with(&mut self, order: Order) {
        self.waiting.push_front(Waiting::Order(order));
    }

    /// What the front should be told now.
    fn news(&mut self) -> Option<LogEvent> {
        let why = self.stuck.as_ref().or(self.scarce.as_ref());
        match (self.announced, why) {
            (Announced::Roomy, Some(why)) => {
                self.announced = Announced::Full;
                Some(LogEvent::Full(why.clone()))
            }
            (Announced::Full, None) => {
                self.announced = Announced::Roomy;
                Some(LogEvent::Roomy)
            }
            (Announced::Roomy, None) | (Announced::Full, Some(_)) => None,
        }
    }
}

impl Back {
    /// Whether this order need not wait for what is stuck: a trim is what makes room.
    pub(super) fn may_overtake(&self, order: &Order) -> bool {
        let moves_nothing = |waiting: &Waiting| {
            matches!(
                waiting,
                Waiting::Append(_) | Waiting::Order(Order::Roll(..) | Order::Mark(_) | Order::Epochs(_))
            )
        };
        match order {
            Order::Trim { state, gone } => {
                state.start <= self.progress.told
                    && !gone.contains(&self.active.base)
                    && self.room.waiting.iter().all(moves_nothing)
            }
            Order::Epochs(_) | Order::Close(_) => true,
            Order::Roll(..) | Order::Mark(_) | Order::Truncate(_) | Order::Restart { .. } => false,
        }
    }

    /// Takes note of whether the sweeper found room, and tells the front what has changed.
    pub(super) fn heed_room(&mut self, no_room: Option<&str>) {
        self.room.scarce = no_room.map(str::to_owned);
        if let Some(news) = self.room.news() {
            self.tell(news);
        }
    }

    /// Comes by itself, while something is wanting: tries again what found no room, and flushes what is due.
    pub(crate) async fn look_after(&mut self, pace: &Pace, totals: &Totals) {
        if self.room.stuck.take().is_some() {
            self.write(pace, totals).await;
            self.store(pace, totals).await;
            while !self.room.is_stuck()
                && let Some(first) = self.room.waiting.pop_front()
            {
                self.resume(first, pace, totals).await;
            }
            self.write(pace, totals).await;
            self.store(pace, totals).await;
        } else if self.room.scarce.is_some() {
            self.space.ask_again(self.active.length, pace);
        }
        self.tidy(pace);
    }

    async fn resume(&mut self, first: Waiting, pace: &Pace, totals: &Totals) {
        match first {
            Waiting::Append(append) => self.take(append, pace, totals).await,
            Waiting::Order(order) => {
                self.write(pace, totals).await;
                self.store(pace, totals).await;
                if self.room.is_stuck() {
                    self.room.wait_again_with(order);
                } else {
                    self.obey(order, pace, totals).await;
                }
            }
        }
    }
}

/// Whether trying again may help.
pub(super) fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The error of a sync, whatever it says, is final.
pub(super) fn never_again(error: io::Error) -> io::Error {
    io::Error::other(error.to_string())
}
