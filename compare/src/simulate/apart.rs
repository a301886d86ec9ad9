//! Where logs have parted for good: offsets at which replicas hold different records when a run has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use partition::ids::{Checksum, Epoch, NodeId, Offset};
use partition::probe::{BatchMark, Probe};

/// What tells the record at an offset from any other: its batch, and its place in it.
type Mark = (Checksum, Epoch, u64);

/// At how many offsets that all of these hold and take for committed they do not hold the same.
pub(super) fn committed(probes: &[Arc<dyn Probe>], replicas: &[NodeId]) -> u64 {
    let seen = probes.iter().filter_map(|probe| Some((probe.snapshot()?, probe)));
    let seen: Vec<_> = seen.filter(|(seen, _)| replicas.contains(&seen.node)).collect();
    let Some(begin) = seen.iter().map(|(seen, _)| seen.log_start).max() else { return 0 };
    let Some(end) = seen.iter().map(|(seen, _)| seen.high_watermark).min() else { return 0 };
    let logs: Vec<Vec<BatchMark>> = seen.iter().filter_map(|(_, probe)| probe.batches(begin)).collect();
    offsets_apart(logs.iter().map(Vec::as_slice), begin, end)
}

/// At how many offsets from `begin` to before `end` these logs do not hold the same.
pub(crate) fn offsets_apart<'a>(
    logs: impl Iterator<Item = &'a [BatchMark]>,
    begin: Offset,
    end: Offset,
) -> u64 {
    apart(logs.map(|batches| records(batches, begin, end)))
}

fn records(batches: &[BatchMark], begin: Offset, end: Offset) -> BTreeMap<u64, Mark> {
    let of = |batch: &BatchMark| {
        let (base, checksum, epoch) = (batch.base.0, batch.checksum, batch.epoch);
        (base..batch.end.0).map(move |offset| (offset, (checksum, epoch, offset - base)))
    };
    batches.iter().flat_map(of).filter(|(offset, _)| (begin.0..end.0).contains(offset)).collect()
}

fn apart(mut logs: impl Iterator<Item = BTreeMap<u64, Mark>>) -> u64 {
    let Some(first) = logs.next() else { return 0 };
    let others: Vec<_> = logs.collect();
    let differs = |(offset, mark): &(&u64, &Mark)| others.iter().any(|log| log.get(offset) != Some(mark));
    first.iter().filter(differs).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(batches: &[(u64, u64, u32, u32)]) -> BTreeMap<u64, Mark> {
        let mark = |(base, end, epoch, checksum): &(u64, u64, u32, u32)| BatchMark {
            base: Offset(*base),
            end: Offset(*end),
            epoch: Epoch(*epoch),
            checksum: Checksum(*checksum),
        };
        records(&batches.iter().map(mark).collect::<Vec<_>>(), Offset(1), Offset(5))
    }

    #[test]
    fn only_what_differs_is_counted_and_only_what_all_take_for_committed() {
        let one = log(&[(0, 2, 1, 7), (2, 4, 1, 8), (4, 8, 1, 9)]);
        assert_eq!(apart([one.clone(), one.clone(), one.clone()].into_iter()), 0);
        let other = log(&[(0, 2, 1, 7), (2, 3, 2, 3), (3, 4, 2, 4), (4, 6, 1, 9), (6, 9, 2, 1)]);
        assert_eq!(apart([one.clone(), other].into_iter()), 2);
        let shorter = log(&[(0, 2, 1, 7), (2, 4, 1, 8)]);
        assert_eq!(apart([one, shorter].into_iter()), 1, "what one lacks it does not have");
    }
}
