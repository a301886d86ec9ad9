//! Maps the offsets of a history to places in memory, however far apart they lie.

use partition::ids::Offset;

/// Offsets that are at most so many times as spread as they are many lie in one array: holes are cheaper than a search.
const SPREAD_MAX: u64 = 4;

/// The offsets that a history names, in ascending order, each with a place.
#[derive(Debug)]
pub(super) enum Axis {
    /// All from the first one on.
    Dense { first: Offset, length: usize },
    /// These only: an offset far off, right or wrong, must not cost memory.
    Sparse(Vec<Offset>),
}

impl Axis {
    /// An axis of the offsets that `visit_all` hands to its argument, which it does once or twice.
    pub(super) fn of(visit_all: impl Fn(&mut dyn FnMut(Offset))) -> Self {
        let (mut count, mut ends) = (0_u64, None);
        visit_all(&mut |offset| {
            count += 1;
            let (first, last) = ends.unwrap_or((offset, offset));
            ends = Some((offset.min(first), offset.max(last)));
        });
        let Some((first, last)) = ends else { return Self::Sparse(Vec::new()) };
        let length = last.since(first) + 1;
        if length / SPREAD_MAX <= count {
            let length = usize::try_from(length).expect("a few times what lies in memory");
            return Self::Dense { first, length };
        }
        let mut offsets = Vec::new();
        visit_all(&mut |offset| offsets.push(offset));
        offsets.sort_unstable();
        offsets.dedup();
        Self::Sparse(offsets)
    }

    /// How many places it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Dense { length, .. } => *length,
            Self::Sparse(offsets) => offsets.len(),
        }
    }

    /// The place of an offset that the history names.
    pub(super) fn place(&self, offset: Offset) -> usize {
        let place = self.at_or_after(offset);
        debug_assert_eq!(self.offset(place), offset, "not on the axis");
        place
    }

    /// The place of the first offset from this one on; the length when there is none.
    pub(super) fn at_or_after(&self, offset: Offset) -> usize {
        match self {
            Self::Dense { first, length } => {
                usize::try_from(offset.since(*first)).map_or(*length, |place| place.min(*length))
            }
            Self::Sparse(offsets) => offsets.partition_point(|known| *known < offset),
        }
    }

    /// The offset at a place.
    pub(super) fn offset(&self, place: usize) -> Offset {
        match self {
            Self::Dense { first, .. } => Offset(first.0 + place as u64),
            Self::Sparse(offsets) => offsets[place],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_offset_costs_no_memory_and_finds_its_place() {
        for last in [12, 1 << 60] {
            let named = [Offset(5), Offset(9), Offset(10), Offset(last)];
            let axis = Axis::of(|visit| named.into_iter().for_each(visit));
            assert!(axis.len() <= 16);
            for offset in named {
                assert_eq!(axis.offset(axis.place(offset)), offset);
            }
            assert_eq!(axis.at_or_after(Offset(0)), 0);
            assert_eq!(axis.at_or_after(Offset(last + 1)), axis.len());
        }
    }
}
