//! What brokers are answered, when it is known what became of what they asked.

use partition::ids::NodeId;

use super::{Effect, Fate, Item, Office, Seat};
use crate::controller::command::Command;
use crate::controller::image::Standing;
use crate::controller::message::{ControllerReply, Heard};
use crate::controller::rejection::Rejection;
use crate::metadata::Incarnation;

impl Office {
    pub(super) fn answer(&self, item: Item, fate: Fate, effects: &mut Vec<Effect>) {
        let Some(asker) = item.asker else {
            return;
        };
        let reply = match (fate, item.command) {
            (Fate::Unknown, _) => ControllerReply::Unknown,
            (Fate::NotAppended, _) if self.active().is_some() => ControllerReply::Busy,
            (Fate::NotAppended | Fate::Rejected(Rejection::StaleController { .. }), _) => self.not_active(),
            (_, Command::Unfence { broker, incarnation }) => self.heard(broker, incarnation),
            (Fate::Rejected(rejection), _) => ControllerReply::Refused(rejection),
            (Fate::Applied(at), Command::Register(_)) => ControllerReply::Registered(Incarnation(at)),
            (Fate::Applied(_), _) => ControllerReply::Done,
        };
        effects.push(Effect::Answer(asker, reply));
    }

    pub(super) fn not_active(&self) -> ControllerReply {
        let hint = match self.seat {
            // It will be in office soon.
            Seat::Leads => Some(self.config.node),
            Seat::Elsewhere(leader) => leader,
        };
        ControllerReply::NotActive { hint }
    }

    pub(super) fn heard(&self, node: NodeId, incarnation: Incarnation) -> ControllerReply {
        let broker = self.image.brokers().get(node);
        match broker.map(|broker| (broker.incarnation, broker.standing)) {
            Some((current, Standing::Alive)) if current == incarnation => {
                ControllerReply::Heard(Heard::Alive)
            }
            Some((current, Standing::Leaving)) if current == incarnation => {
                ControllerReply::Heard(Heard::Leaving)
            }
            Some((current, Standing::Fenced { since })) if current == incarnation => {
                ControllerReply::Heard(Heard::Fenced { until_applied: since.next() })
            }
            Some((current, _)) if current > incarnation => ControllerReply::Heard(Heard::Replaced),
            // It has read further than we: we cannot be in office any more.
            _ => ControllerReply::NotActive { hint: None },
        }
    }
}
