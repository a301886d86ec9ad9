//! What the final read shows to be lost, of what the window remembers.

use partition::ids::Offset;

use super::Watch;
use super::order::Step;
use super::window::{Basis, Lying};
use crate::checker::anomaly::Anomaly;
use crate::checker::evidence::Why;
use crate::checker::report::FinalRead;
use crate::checker::sent::ByValue;
use crate::history::{EventNumber, Operation, Seen, Who};

impl Watch {
    /// What was promised and is not there at the end.
    pub(super) fn hear_final(
        &mut self,
        operation: &Operation,
        seen: &Seen,
        end: Offset,
        returned: EventNumber,
    ) {
        let (who, invoked) = (operation.who(), operation.invoked.number);
        self.reached(end, who, returned);
        self.final_read = FinalRead::Present;
        let present: ByValue<()> =
            seen.records.iter().filter_map(|sighting| Some((sighting.value?, ()))).collect();
        self.figures.at_the_end = present.len() as u64;
        let start = self.starts.lawful_part(seen.log_start, returned).max(self.window.floor());
        let filled = self.filled.before(invoked).copied();
        let was_filled = |offset: Offset| filled.is_some_and(|step| step.offset >= offset);
        for fate in self.fates.iter() {
            let acked = fate.append().committed_at().and(fate.operation.returned);
            for (value, position) in fate.append().values.iter().zip(0_u64..) {
                let promise = fate.append().committed_at().map(|base| Offset(base.0 + position));
                let told = self.fates.find(*value).and_then(|known| known.offset);
                let Some(offset) = promise.or(told).filter(|offset| *offset >= start) else { continue };
                let acked_before = acked.is_some_and(|returned| returned.number < invoked);
                let promised = acked_before || (offset < end && acked.is_some());
                if !present.contains_key(value) && (promised || offset < end || was_filled(offset)) {
                    let anomaly = if promised { Anomaly::LostWrite } else { Anomaly::LostRead };
                    let sender = fate.operation.who();
                    self.findings.add(anomaly, || {
                        format!("value {value} of {sender}, known to lie at offset {offset}, is not in {who}")
                    });
                }
            }
        }
        self.judge_nameless(end, who, filled);
    }

    /// Beyond the end there may also be lengths that were answered, and records that no client sent.
    fn judge_nameless(&mut self, end: Offset, who: Who, filled: Option<Step>) {
        let Some(step) = filled.filter(|step| step.offset >= end) else { return };
        for (offset, slot) in self.window.from(end) {
            let is_record = matches!(slot.lying, Lying::Record { .. }) && slot.basis != Basis::Disputed;
            if is_record || offset > step.offset || (slot.lying == Lying::Unknown && offset < step.offset) {
                continue;
            }
            let anomaly = match step.why {
                Why::Acked | Why::Seen => Anomaly::LostRead,
                Why::Length => Anomaly::StaleTail,
                Why::LogStart => Anomaly::LogStartAhead,
            };
            self.findings.add(anomaly, || {
                format!("{} proves that offset {offset} was filled, but {who} ends at {end}", step.who)
            });
        }
    }
}
