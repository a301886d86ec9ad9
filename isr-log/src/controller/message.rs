//! What brokers and controllers say to each other, on [`Channel::Controller`](partition::transport::Channel::Controller).

use partition::ids::{NodeId, Offset, PartitionId};
use serde::{Deserialize, Serialize};

use super::command::{AlterInSync, LogReport, Reassign, Registration};
use super::lease::{Grant, LeaseWish};
use super::rejection::Rejection;
use crate::metadata::Incarnation;

/// What a broker asks of the active controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerRequest {
    /// Begin a life.
    Register(Registration),
    /// Go on living.
    Heartbeat {
        /// The broker.
        node: NodeId,
        /// Its life.
        incarnation: Incarnation,
        /// How far it has applied the metadata records: all below.
        applied_to: Offset,
        /// Whether it wants a lease with the answer.
        lease: LeaseWish,
    },
    /// Change an in-sync set.
    AlterInSync(AlterInSync),
    /// Take from a broker all that it leads, and take it out of every in-sync set: it is going to stop.
    Leave {
        /// The broker.
        node: NodeId,
        /// Its life.
        incarnation: Incarnation,
    },
    /// Let the first of the assigned replicas lead again.
    ElectPreferred(PartitionId),
    /// Have a partition replicated by others.
    Reassign(Reassign),
    /// Have a reassignment that is under way end where it began.
    CancelReassignment(PartitionId),
    /// Take note of what a member has, so that a leader can be found.
    ReportLog(LogReport),
}

/// The controller's answer: given when the record that it stands for is committed and applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerReply {
    /// Another controller is in office, or none. The request was not carried out, and never will be.
    NotActive {
        /// Who may be in office.
        hint: Option<NodeId>,
    },
    /// Too much is waiting. The request was not carried out, and never will be.
    Busy,
    /// The life has begun, and is called this.
    Registered(Incarnation),
    /// The heartbeat was heard.
    Heard(Heard),
    /// The in-sync set is changed, the broker may stop, the preferred replica leads, the reassignment has begun, the report is
    /// noted.
    Done,
    /// The request does not count, and never will.
    Refused(Rejection),
    /// It may have been carried out, or may yet be (H-14).
    Unknown,
}

/// How the controller sees the broker whose heartbeat it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// It may lead and be in sync.
    Alive,
    /// The same, and reads where it leads may be answered by it alone for a while.
    Leased(Grant),
    /// It is fenced, until it has applied all below this.
    Fenced {
        /// The offset after the record that fenced it.
        until_applied: Offset,
    },
    /// It is going to stop, and neither leads nor is in sync any more.
    Leaving,
    /// Another life of this broker is registered: this one is over.
    Replaced,
}
