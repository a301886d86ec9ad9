//! The one place that knows bincode: messages and metadata to bytes and back.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// The message that these bytes are, whole.
///
/// # Errors
/// [`DecodeError`] when they are not, or are more than, one such message.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let what = std::any::type_name::<T>();
    // A length in a message cannot make us allocate more than a frame may hold.
    let config = bincode::config::standard().with_limit::<{ 9 * 1024 * 1024 }>();
    let (message, used) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|source| DecodeError::Malformed { what, source })?;
    match bytes.len() - used {
        0 => Ok(message),
        extra => Err(DecodeError::Trailing { what, extra }),
    }
}
