//! Who waits for what at a floor's leader, in the order of what they wait for.

use std::collections::VecDeque;

use partition::error::Doubt;
use partition::ids::Offset;
use tokio::sync::oneshot;

/// An append to be answered. As many as the log takes before it says that it is overloaded.
#[derive(Debug)]
pub(super) struct Pending {
    /// The offset after its last record.
    pub(super) end: Offset,
    pub(super) reply: oneshot::Sender<Result<(), Doubt>>,
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Until the leader's own copy is stored.
    pub(super) for_leader: VecDeque<Pending>,
    /// Until k copies are.
    pub(super) for_copies: VecDeque<Pending>,
    /// Readers at the end of what is committed, and where that was.
    readers: Vec<(Offset, oneshot::Sender<()>)>,
}

impl Waiting {
    /// Resolves when more than this is committed.
    pub(super) fn for_data(&mut self, beyond: Offset) -> oneshot::Receiver<()> {
        self.readers.retain(|(_, reader)| !reader.is_closed());
        let (wake, woken) = oneshot::channel();
        self.readers.push((beyond, wake));
        woken
    }

    /// Answers whoever has waited long enough.
    pub(super) fn settle(&mut self, stored: Offset, committed: Offset) {
        for (queue, reached) in [(&mut self.for_leader, stored), (&mut self.for_copies, committed)] {
            while let Some(pending) = queue.pop_front_if(|pending| pending.end <= reached) {
                let _ = pending.reply.send(Ok(()));
            }
        }
        let woken = self.readers.extract_if(.., |(beyond, _)| *beyond < committed);
        for (_, reader) in woken {
            let _ = reader.send(());
        }
    }

    /// Tells all that wait for a copy that none will be made.
    pub(super) fn fail(&mut self, why: &str) {
        for pending in self.for_leader.drain(..).chain(self.for_copies.drain(..)) {
            let _ = pending.reply.send(Err(Doubt::Stopped(why.to_owned())));
        }
    }
}
