//! Connections between replicas: in order each, until they break.

use std::collections::VecDeque;

use isr_log::message::{Fetch, FetchReply, Report};
use partition::ids::Epoch;

use crate::log::Record;
use crate::node::At;

/// What is under way from one replica to another.
#[derive(Clone, Debug, Hash)]
pub enum Message {
    /// A fetch, and whether its sender still waits for the answer.
    Fetch(Fetch, bool),
    Report(Report),
    Reply(Epoch, FetchReply, Vec<Record>),
}

/// One direction of a connection, which `from` has opened to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    pub from: At,
    pub to: At,
    pub lane: Lane,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// From who opened it.
    Requests,
    /// To who opened it.
    Replies,
    /// Requests on a connection that is broken, which arrive all the same, at any time.
    Stray,
}

impl Line {
    /// Where its messages arrive.
    pub fn end(self) -> At {
        match self.lane {
            Lane::Requests | Lane::Stray => self.to,
            Lane::Replies => self.from,
        }
    }
}

/// All that is under way. Lines without messages are not there.
#[derive(Clone, Debug, Default, Hash)]
pub struct Wire(Vec<(Line, VecDeque<Message>)>);

impl Wire {
    pub fn send(&mut self, line: Line, message: Message) {
        match self.0.binary_search_by_key(&line, |(line, _)| *line) {
            Ok(at) => self.0[at].1.push_back(message),
            Err(at) => self.0.insert(at, (line, VecDeque::from([message]))),
        }
    }

    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.0.iter().map(|(line, _)| *line)
    }

    pub fn take_first(&mut self, line: Line) -> Option<Message> {
        let at = self.0.binary_search_by_key(&line, |(line, _)| *line).ok()?;
        let message = self.0[at].1.pop_front();
        if self.0[at].1.is_empty() {
            self.0.remove(at);
        }
        message
    }

    pub fn take_all(&mut self, line: Line) -> VecDeque<Message> {
        match self.0.binary_search_by_key(&line, |(line, _)| *line) {
            Ok(at) => self.0.remove(at).1,
            Err(_) => VecDeque::new(),
        }
    }

    /// Whoever sent fetches waits for none of them any more: their replies are lost, and those to come go nowhere.
    pub fn forget_fetches(&mut self, from: At) {
        self.0.retain(|(line, _)| !(line.from == from && line.lane == Lane::Replies));
        for (_, messages) in self.0.iter_mut().filter(|(line, _)| line.from == from) {
            for message in messages {
                if let Message::Fetch(_, wanted) = message {
                    *wanted = false;
                }
            }
        }
    }

    /// What was sent on this connection arrives some time, or never.
    pub fn strand(&mut self, from: At, to: At) {
        for message in self.take_all(Line { from, to, lane: Lane::Requests }) {
            let message = match message {
                Message::Fetch(fetch, _) => Message::Fetch(fetch, false),
                other => other,
            };
            self.send(Line { from, to, lane: Lane::Stray }, message);
        }
    }
}
