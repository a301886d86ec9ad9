//! What a history can show that a log must not do, each by its name.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! anomalies {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Something that a log must not do. Names that the Jepsen kafka workload has are used as it does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Anomaly {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Anomaly {
            /// All of them, the worst first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

anomalies! {
    /// A record that was acknowledged as committed is not in the log at the end.
    LostWrite = "lost-write",
    /// A record that a reader was shown as committed is not in the log at the end.
    LostRead = "lost-read",
    /// Two clients were told of different records at the same offset.
    InconsistentOffsets = "inconsistent-offsets",
    /// A record lies at two offsets, and its client did not send it twice itself.
    Duplicate = "duplicate",
    /// A record was seen that nobody sent.
    Phantom = "phantom",
    /// A record was seen whose client was told that it would never appear.
    AbortedRead = "aborted-read",
    /// A batch is in the log in part, or a length was answered that ends inside it.
    TornBatch = "torn-batch",
    /// A length was answered that omits what was known to be committed before, or counts what was not sent yet.
    StaleTail = "stale-tail",
    /// Offsets contradict the order in which things happened.
    RealTimeOrder = "real-time-order",
    /// The log begins after what anybody asked to trim, or after what was committed.
    LogStartAhead = "log-start-ahead",
    /// The log begins before what was trimmed already.
    LogStartBehind = "log-start-behind",
    /// A client's later append lies before its earlier one, though both were acknowledged.
    NonmonotonicSend = "nonmonotonic-send",
    /// A reader went on behind records that it was not shown.
    PollSkip = "poll-skip",
    /// A reader was shown again what lies before the place where it stood.
    NonmonotonicPoll = "nonmonotonic-poll",
    /// One answer passes over records.
    IntPollSkip = "int-poll-skip",
    /// Offsets do not ascend within one answer.
    IntNonmonotonicPoll = "int-nonmonotonic-poll",
    /// An acknowledged record that no read was shown, where no final read tells whether it is lost: a doubt.
    Unseen = "unseen",
}

impl Anomaly {
    /// Whether it breaks the promise. [`Anomaly::Unseen`] only leaves it open.
    #[must_use]
    pub fn is_violation(self) -> bool {
        self != Self::Unseen
    }

    /// Whether it is what clients see of a log that has lost what was committed, and goes on without it: other batches lie where
    /// some were known to. The others no loss brings about.
    #[must_use]
    pub fn shows_a_loss(self) -> bool {
        match self {
            Self::LostWrite
            | Self::LostRead
            | Self::InconsistentOffsets
            | Self::Duplicate
            | Self::StaleTail
            | Self::RealTimeOrder
            | Self::LogStartAhead
            | Self::LogStartBehind
            | Self::NonmonotonicSend
            | Self::PollSkip
            | Self::NonmonotonicPoll
            | Self::TornBatch
            | Self::IntPollSkip
            | Self::Unseen => true,
            Self::Phantom | Self::AbortedRead | Self::IntNonmonotonicPoll => false,
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One anomaly, and which operations show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub anomaly: Anomaly,
    /// Which clients, events, offsets and values show it, in one line.
    pub shown_by: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.anomaly, self.shown_by)
    }
}
