//! What a floor's leader says to an echo, and the answers. Batches lie beside the message, as in both systems.

use bytes::Bytes;
use partition::ids::{Offset, PartitionId};
use partition::transport::codec::{self, DecodeError};
use partition::transport::{Channel, Reply, Request};
use serde::{Deserialize, Serialize};

/// From the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ToEcho {
    /// Where do you stand? Give up what lies beyond my end.
    Greet {
        /// The leader's log end.
        end: Offset,
    },
    /// Write the batches beside this.
    Push,
}

/// From an echo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FromEcho {
    /// To a greeting.
    Holds {
        /// Its log end: push from here.
        end: Offset,
        /// How much of it is stored.
        stored: Offset,
    },
    /// To a push, once it is stored.
    Stored {
        /// All below is.
        to: Offset,
    },
    /// What was pushed does not fit, or the log has failed: greet again.
    Refused(String),
}

impl ToEcho {
    pub(super) fn request(self, partition: PartitionId, body: Bytes) -> Request {
        Request { channel: Channel::Replica, partition, message: codec::encode(&self), body }
    }

    pub(super) fn of(request: &Request) -> Result<Self, DecodeError> {
        codec::decode(&request.message)
    }
}

impl FromEcho {
    pub(super) fn reply(&self) -> Reply {
        Reply { message: codec::encode(self), body: Bytes::new() }
    }

    pub(super) fn of(reply: &Reply) -> Result<Self, DecodeError> {
        codec::decode(&reply.message)
    }
}
