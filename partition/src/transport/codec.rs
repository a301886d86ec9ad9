//! The one place that knows bincode: messages and metadata to bytes and back.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an envelope takes, about: an estimate that spares a second allocation.
const ROOM_FOR_MESSAGE: usize = 64;

/// Why bytes are not the message they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are no such message.
    #[error("not a {what}: {source}")]
    Malformed {
        /// The message's type.
        what: &'static str,
        /// What bincode says.
        source: bincode::error::DecodeError,
    },
    /// Something follows the message.
    #[error("{extra} bytes follow a {what}")]
    Trailing {
        /// The message's type.
        what: &'static str,
        /// How many.
        extra: usize,
    },
}

/// The message as bytes.
///
/// # Panics
/// Never for the types of this project: none of them can fail to encode.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Bytes {
    let encoded = bincode::serde::encode_to_vec(message, bincode::config::standard());
    Bytes::from(encoded.expect("a message encodes"))
}

/// The message as bytes, and more bytes behind it.
///
/// # Panics
/// Never for the types of this project: none of them can fail to encode.
#[must_use]
pub fn encode_before<T: Serialize>(message: &T, rest: &[u8]) -> Bytes {
    let room = BytesMut::with_capacity(rest.len() + ROOM_FOR_MESSAGE);
    let mut writer = room.writer();
    bincode::serde::encode_into_std_write(message, &mut writer, bincode::config::standard())
        .expect("a message encodes");
    let mut bytes = writer.into_inner();
    bytes.extend_from_slice(rest);
    bytes.freeze()
}

/// The message that these bytes begin with, and what follows it.
///
/// # Errors
/// [`DecodeError`] when they do not begin with one.
pub fn decode_before<T: DeserializeOwned>(bytes: &Bytes) -> Result<(T, Bytes), DecodeError> {
    let (message, used) = start(bytes)?;
    Ok((message, bytes.slice(used..)))
}

/// The message that these bytes are, whole.
///
/// # Errors
/// [`DecodeError`] when they are not, or are more than, one such message.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (message, used) = start(bytes)?;
    match bytes.len() - used {
        0 => Ok(message),
        extra => Err(DecodeError::Trailing { what: std::any::type_name::<T>(), extra }),
    }
}

fn start<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    // A length in a message cannot make us allocate more than a frame may hold.
    let config = bincode::config::standard().with_limit::<{ 9 * 1024 * 1024 }>();
    bincode::serde::decode_from_slice(bytes, config)
        .map_err(|source| DecodeError::Malformed { what: std::any::type_name::<T>(), source })
}
