//! One thing that a client asked, and what it was told.

use std::fmt;

use partition::ids::{Epoch, Offset};
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::number::{ClientId, Event, EventNumber, Value};

/// One thing that a client asked, from its invocation to its return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Who asked.
    pub client: ClientId,
    /// When it asked.
    pub invoked: Event,
    /// When it was told; none when it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Event>,
    /// What it asked, and what it was told.
    pub action: Action,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// To append a batch.
    Append(Append),
    /// How long the log is: a linearizable tail, or list-offsets.
    Tail(Tail),
    /// To read records.
    Read(Read),
    /// To give up the records below an offset.
    Trim(Trim),
}

/// A batch to append: all its records or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// What its records hold, in order.
    pub values: Vec<Value>,
    /// When it was to be answered.
    #[serde(with = "crate::results::acks_by_name")]
    pub acks: Acks,
    /// Whether the log can tell a resend from another append.
    pub sender: Sender,
    /// How often the client sent it, on its own account.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub attempts: u32,
    /// What it was told.
    pub outcome: Outcome,
}

/// Whether the log can tell a resend from another append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// It can: producer id and sequence are on the batch.
    Idempotent,
    /// It cannot: whoever resends makes a duplicate.
    Plain,
}

/// What the client knows about its append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It lies there, as far as the acknowledgement promises.
    Acked {
        /// The offset of its first record.
        base: Offset,
        /// The epoch of the leader that placed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
    },
    /// It is on its way, and no answer was asked for.
    Sent,
    /// It is in no log and never will be.
    Failed,
    /// It may appear at any time, or never. Also what a history says of an append that never returned.
    Unknown,
}

/// A question for the length of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// The next offset; none when it was not answered.
    pub length: Option<Offset>,
}

/// A request to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The first offset asked for; none when the client went on from where it stood.
    pub from: Option<Offset>,
    /// What it was promised.
    pub view: View,
    /// What it was shown; none when it was not answered.
    pub seen: Option<Seen>,
}

/// What a read is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// All that was acknowledged before it began.
    Linearizable,
    /// What is committed, as far as a replica that takes itself for the leader knows.
    Committed,
    /// What is committed, as far as a follower knows: it may lag, it may not lie.
    Follower,
    /// What is appended and may be lost: no evidence of anything.
    Uncommitted,
    /// All there is, linearizable, after everything else: what the verdict on losses rests on.
    Final,
}

/// What a read was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Records, in the order in which they came.
    pub records: Vec<Sighting>,
    /// The first offset there is.
    #[serde(default)]
    pub log_start: Offset,
    /// How much is committed, by the answer; none when it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<Offset>,
}

/// A record at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Offset, Option<Value>)", into = "(Offset, Option<Value>)")]
pub struct Sighting {
    /// Where.
    pub offset: Offset,
    /// What; none for one of the protocol's own records.
    pub value: Option<Value>,
}

/// A request to give up records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trim {
    /// All below this.
    pub to: Offset,
    /// The log start that it was told; none when it was not answered.
    pub start: Option<Offset>,
}

impl From<(Offset, Option<Value>)> for Sighting {
    fn from((offset, value): (Offset, Option<Value>)) -> Self {
        Self { offset, value }
    }
}

impl From<Sighting> for (Offset, Option<Value>) {
    fn from(sighting: Sighting) -> Self {
        (sighting.offset, sighting.value)
    }
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_once(attempts: &u32) -> bool {
    *attempts == 1
}

impl Append {
    /// Where its first record lies, if that was promised to stay so: acknowledged as committed.
    #[must_use]
    pub fn committed_at(&self) -> Option<Offset> {
        match self.outcome {
            Outcome::Acked { base, .. } if self.acks == Acks::Committed => Some(base),
            Outcome::Acked { .. } | Outcome::Sent | Outcome::Failed | Outcome::Unknown => None,
        }
    }

    /// Whether a second copy of its records would be the client's own doing (C14).
    #[must_use]
    pub fn may_be_doubled(&self) -> bool {
        self.sender == Sender::Plain && self.attempts > 1
    }
}

/// An operation in few words: who, what and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    client: ClientId,
    what: &'static str,
    invoked: EventNumber,
    returned: Option<EventNumber>,
}

impl Operation {
    /// The operation as it was before it was answered.
    #[must_use]
    pub fn question(&self) -> Self {
        let action = match &self.action {
            Action::Append(append) => {
                Action::Append(Append { outcome: Outcome::Unknown, attempts: once(), ..append.clone() })
            }
            Action::Tail(_) => Action::Tail(Tail { length: None }),
            Action::Read(read) => Action::Read(Read { seen: None, ..*read }),
            Action::Trim(trim) => Action::Trim(Trim { start: None, ..*trim }),
        };
        Self { returned: None, action, ..*self }
    }

    /// The operation in few words.
    #[must_use]
    pub fn who(&self) -> Who {
        let what = match &self.action {
            Action::Append(_) => "append",
            Action::Tail(_) => "tail",
            Action::Trim(_) => "trim",
            Action::Read(read) => match read.view {
                View::Linearizable => "linearizable read",
                View::Committed => "committed read",
                View::Follower => "follower read",
                View::Uncommitted => "uncommitted read",
                View::Final => "final read",
            },
        };
        let returned = self.returned.map(|event| event.number);
        Who { client: self.client, what, invoked: self.invoked.number, returned }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.who().fmt(f)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}'s {} (events {}-", self.client, self.what, self.invoked)?;
        match self.returned {
            Some(returned) => write!(f, "{returned})"),
            None => write!(f, "never)"),
        }
    }
}

impl Seen {
    /// The offset after the last record; none when there is no record.
    #[must_use]
    pub fn end(&self) -> Option<Offset> {
        self.records.last().map(|last| last.offset.next())
    }
}

impl Operation {
    /// Whether the client learnt anything.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        match &self.action {
            Action::Append(append) => append.outcome != Outcome::Unknown,
            Action::Tail(tail) => tail.length.is_some(),
            Action::Read(read) => read.seen.is_some(),
            Action::Trim(trim) => trim.start.is_some(),
        }
    }

    /// The largest offset that it names.
    pub(super) fn largest_offset(&self) -> Option<Offset> {
        match &self.action {
            Action::Append(append) => match append.outcome {
                Outcome::Acked { base, .. } => Some(base),
                Outcome::Sent | Outcome::Failed | Outcome::Unknown => None,
            },
            Action::Tail(tail) => tail.length,
            Action::Read(read) => read.seen.as_ref().and_then(|seen| {
                let ends = seen.records.iter().map(|record| record.offset).chain(seen.high_watermark);
                ends.chain([seen.log_start]).chain(read.from).max()
            }),
            Action::Trim(trim) => Some(trim.to).max(trim.start),
        }
    }
}
