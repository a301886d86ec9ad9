//! What a fetch has brought: checked, and appended.

use partition::ids::{Epoch, Offset};
use partition::log::{LogError, Producers};
use partition::record::{Batch, Batches};
use partition::transport::codec;

use super::ReplicaTask;
use crate::replica::Event;

/// Why nothing of what was fetched was appended.
#[derive(Debug, thiserror::Error)]
enum NotAppended {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the leader of epoch {epoch} has sent a batch of epoch {found}")]
    Newer { epoch: Epoch, found: Epoch },
}

/// The batches, verified; none of them is of a newer epoch than the one it was fetched in. What a leader of that epoch had is
/// older: a newer one is what its log became since, and says nothing of where the two logs part.
fn up_to(epoch: Epoch, batches: &Batches) -> Result<Vec<Batch>, NotAppended> {
    let batches = batches.verified().map_err(LogError::from)?;
    match batches.iter().map(Batch::epoch).find(|found| *found > epoch) {
        Some(found) => Err(NotAppended::Newer { epoch, found }),
        None => Ok(batches),
    }
}

impl ReplicaTask {
    pub(super) fn append_fetched(&mut self) {
        let (epoch, batches) = self.state.fetched.take().expect("records come with the reply");
        let appended =
            if batches.is_empty() { Ok(self.log.end()) } else { self.append_batches(&batches, epoch) };
        match appended {
            Ok(_) => {
                self.state.events.push_back(Event::Appended);
                self.serve_waiting_reads();
            }
            Err(NotAppended::Log(LogError::Poisoned(what))) => self.fail(what),
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "what was fetched could not be appended");
                self.state.events.push_back(Event::FetchFailed(epoch));
            }
        }
    }

    fn append_batches(&mut self, batches: &Batches, epoch: Epoch) -> Result<Offset, NotAppended> {
        let (batches, start) = (up_to(epoch, batches)?, self.log.start());
        // A trim cuts no batch, so the leader's log may start inside one, which is then the first that this log gets.
        let first =
            batches.first().filter(|batch| batch.base_offset() < start && start < batch.next_offset());
        let Some(first) = first.filter(|_| self.log.end() == start) else {
            return Ok(self.log.append_placed(&batches)?);
        };
        let producers = self.log.producers().clone();
        self.log.restart_with(first.base_offset(), self.log.ordinals().end, producers)?;
        let end = self.log.append_placed(&batches)?;
        self.log.trim(start)?;
        Ok(end)
    }

    /// What the leader says that producers had sent before the place where this log starts anew.
    pub(super) fn told_producers(&self) -> Producers {
        let told = self.state.fetched.as_ref().map(|(_, beside)| codec::decode(beside.bytes()));
        told.and_then(Result::ok).unwrap_or_else(|| {
            tracing::warn!(partition = %self.partition, "the leader's table of producers cannot be understood");
            Producers::partial()
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use partition::ids::Offset;
    use partition::record::BatchBuilder;

    use super::*;

    /// Batches of these epochs, one record each, from 5 on.
    fn fetched(epochs: &[u32]) -> Batches {
        let mut bytes = BytesMut::new();
        for (base, epoch) in (5..).zip(epochs) {
            let batch = BatchBuilder::of_values(0, &[Bytes::from("v")]);
            bytes.extend_from_slice(batch.placed(Offset(base), Epoch(*epoch)).bytes());
        }
        Batches::unverified(bytes.freeze())
    }

    #[test]
    fn what_is_of_a_newer_epoch_than_it_was_fetched_in_is_not_appended() {
        assert_eq!(up_to(Epoch(2), &fetched(&[1, 2, 2])).map(|batches| batches.len()).ok(), Some(3));
        let newer = up_to(Epoch(1), &fetched(&[1, 2]));
        assert!(matches!(newer, Err(NotAppended::Newer { epoch: Epoch(1), found: Epoch(2) })), "{newer:?}");
    }
}
