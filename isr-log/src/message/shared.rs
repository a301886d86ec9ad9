//! What one broker's followers ask of another broker's leaders: for many partitions in one request (KIP-227).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use partition::ids::{ByteSize, NodeId, PartitionId};
use serde::{Deserialize, Serialize};

use super::{Fetch, FetchReply, Report};

/// Requests that a session keeps to answer with: one, and some on the way. Followers send so many, if there are as many fetches;
/// a leader's broker answers older ones with nothing, so that new fetches can come.
pub const KEPT: usize = 4;

/// Which session between two brokers, by the follower's choice: chance keeps one life's from another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session(pub u64);

/// Ties an answer to its fetch, within a session. Not used twice there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag(pub u64);

/// Whether a session is known to the leader's broker already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// This is its first request: what an earlier session held is given up.
    Opens,
    /// It goes on. Whoever does not know it says so.
    Continues,
}

/// What one partition's follower has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// It asks for records. The fetch stays with the leader until it is answered, however many requests that takes.
    Fetch(Tag, Fetch),
    /// It tells what it has.
    Report(Report),
}

/// Many partitions' fetches in one request: those that are new. Those that wait at the leader already are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFetch {
    /// Who asks.
    pub node: NodeId,
    /// In which session.
    pub session: Session,
    /// Whether that is a new one.
    pub standing: Standing,
    /// What is new, in the order in which it came about.
    pub items: Vec<(PartitionId, Item)>,
    /// How long the request may wait for an answer to any fetch of the session.
    pub max_wait: Duration,
}

/// The reply to [`SharedFetch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharedReply {
    /// Answers to fetches of the session, of this request or of an earlier one; none, when the wait was over.
    Answers(Vec<SharedAnswer>),
    /// There is no such session: open another one, and ask all again.
    UnknownSession,
}

/// The answer to one fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedAnswer {
    /// To which.
    pub tag: Tag,
    /// What.
    pub reply: FetchReply,
    /// How much of the frame's body is its own, behind those before it.
    pub length: ByteSize,
}

/// What leaders have answered, as a reply and its body.
#[must_use]
pub fn pack(answers: Vec<(Tag, FetchReply, Bytes)>) -> (SharedReply, Bytes) {
    let mut bodies = answers.iter().map(|(_, _, body)| body).filter(|body| !body.is_empty());
    let body = match (bodies.next(), bodies.next()) {
        (None, _) => Bytes::new(),
        (Some(one), None) => one.clone(),
        (Some(_), Some(_)) => {
            let mut all = BytesMut::with_capacity(answers.iter().map(|(_, _, body)| body.len()).sum());
            answers.iter().for_each(|(_, _, body)| all.extend_from_slice(body));
            all.freeze()
        }
    };
    let head = |(tag, reply, body): &(Tag, FetchReply, Bytes)| SharedAnswer {
        tag: *tag,
        reply: *reply,
        length: ByteSize::of(body),
    };
    (SharedReply::Answers(answers.iter().map(head).collect()), body)
}

/// The same as it was packed. `None` when the lengths are not those of the body.
#[must_use]
pub fn unpack(answers: Vec<SharedAnswer>, mut body: Bytes) -> Option<Vec<(Tag, FetchReply, Bytes)>> {
    let mut unpacked = Vec::with_capacity(answers.len());
    for SharedAnswer { tag, reply, length } in answers {
        let length = usize::try_from(length.0).ok().filter(|length| *length <= body.len())?;
        unpacked.push((tag, reply, body.split_to(length)));
    }
    body.is_empty().then_some(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{FetchRefusal, News};

    fn answers() -> Vec<(Tag, FetchReply, Bytes)> {
        let records = FetchReply::Records(News::default());
        vec![
            (Tag(3), records, Bytes::from_static(b"three")),
            (Tag(1), FetchReply::Refused(FetchRefusal::NotLeader), Bytes::new()),
            (Tag(7), records, Bytes::from_static(b"seven!")),
        ]
    }

    #[test]
    fn each_answer_gets_its_own_part_of_the_body() {
        for count in 0..=3 {
            let some: Vec<_> = answers().into_iter().take(count).collect();
            let (SharedReply::Answers(heads), body) = pack(some.clone()) else { panic!("these are answers") };
            assert_eq!(unpack(heads, body), Some(some));
        }
    }

    #[test]
    fn lengths_that_are_not_those_of_the_body_are_refused() {
        let (SharedReply::Answers(heads), body) = pack(answers()) else { panic!("these are answers") };
        assert_eq!(unpack(heads.clone(), body.slice(1..)), None, "too little");
        let longer = [&body[..], b"x"].concat();
        assert_eq!(unpack(heads.clone(), longer.into()), None, "too much");
        let mut huge = heads;
        huge[0].length = ByteSize(u64::MAX);
        assert_eq!(unpack(huge, body), None);
    }
}
