//! PURE: what follows from the answer to one attempt.
//!
//! | answer | earlier batches | in doubt | what follows |
//! |---|---|---|---|
//! | placed | | | delivered |
//! | unknown | | | again, with the same stamp; given up by who may not repeat |
//! | refused, for now | | | again |
//! | out of order | are on their way | | again, after them |
//! | out of order | are settled | no | what was acknowledged is gone: again, in a new epoch |
//! | out of order | are settled | yes | committed: a deposed leader spoke, so again; else given up |
//! | fenced | | | given up, and all others with it |
//! | ancient, corrupt, too large | | | given up |
//!
//! While a broken sequence is mended, what was refused and is not in doubt waits for the new epoch instead.

use super::config::Repeats;
use super::error::Failure;
use crate::error::{AppendError, Doubt, Refusal};
use crate::ids::ProducerEpoch;
use crate::partition::{Acks, Appended};

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered(Appended),
    /// Again, after a pause.
    Again,
    /// Again, as soon as all before it are settled.
    AfterEarlier,
    /// Again, but in a new epoch.
    Anew,
    Fail(Failure),
    Fenced(ProducerEpoch),
}

/// What is known about a batch when its answer comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) acks: Acks,
    pub(super) repeats: Repeats,
    pub(super) place: Place,
    pub(super) sequence: SequenceState,
    /// Why it may be in a log already: by this answer or an earlier one.
    pub(super) doubt: Option<&'a Doubt>,
}

/// Where a batch stands among those that are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// All before it are settled, or wait for a new epoch.
    First,
    Behind,
}

/// Whether a producer's batches follow one another without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SequenceState {
    Whole,
    /// One of them failed: what comes after it in the sequence can hardly be taken.
    Broken,
}

impl Situation<'_> {
    pub(super) fn verdict(self, outcome: Result<Appended, AppendError>) -> Verdict {
        match outcome {
            Ok(appended) => Verdict::Delivered(appended),
            Err(AppendError::Unknown(doubt)) => match self.repeats {
                Repeats::AtMostOnce => Verdict::Fail(Failure::Doubtful(doubt)),
                Repeats::Once | Repeats::OnceAs(..) | Repeats::AtLeastOnce => Verdict::Again,
            },
            Err(AppendError::NotAppended(refusal)) => self.refused(refusal),
        }
    }

    fn refused(self, refusal: Refusal) -> Verdict {
        let certain = self.doubt.is_none();
        match refusal {
            Refusal::FencedProducer { current, .. } => Verdict::Fenced(current),
            Refusal::AncientDuplicate { .. } => Verdict::Fail(Failure::Ancient),
            Refusal::TooLarge { .. } | Refusal::Corrupt(_) => Verdict::Fail(Failure::Refused(refusal)),
            _ if self.sequence == SequenceState::Broken && certain => Verdict::Anew,
            Refusal::OutOfOrder { .. } => match (self.place, self.sequence) {
                (Place::Behind, _) => Verdict::AfterEarlier,
                (Place::First, SequenceState::Whole) if certain => Verdict::Anew,
                // What is committed is not lost: somebody spoke who does not know it, and will not lead for long.
                (Place::First, SequenceState::Whole) if self.acks == Acks::Committed => Verdict::Again,
                (Place::First, _) => Verdict::Fail(Failure::Bereft),
            },
            Refusal::NotLeader { .. }
            | Refusal::NotEnoughReplicas { .. }
            | Refusal::Overloaded
            | Refusal::NoSpace
            | Refusal::Unreachable(_)
            | Refusal::NoSuchPartition
            | Refusal::Stopped(_) => Verdict::Again,
        }
    }
}
