//! What the promise's settings are called, on the command line and in results.

use partition::log::Durability;
use partition::partition::Acks;

const ACKS: [(Acks, &str); 3] =
    [(Acks::Nobody, "nobody"), (Acks::Leader, "leader"), (Acks::Committed, "committed")];
const DURABILITY: [(Durability, &str); 2] = [(Durability::Synced, "synced"), (Durability::Cached, "cached")];

/// The name of what counts as an answer.
#[must_use]
pub fn acks_name(acks: Acks) -> &'static str {
    name(&ACKS, acks)
}

/// What counts as an answer, by its name.
///
/// # Errors
/// One line that names the choices.
pub fn acks_named(text: &str) -> Result<Acks, String> {
    named(&ACKS, text)
}

/// The name of what counts as stored.
#[must_use]
pub fn durability_name(durability: Durability) -> &'static str {
    name(&DURABILITY, durability)
}

/// What counts as stored, by its name.
///
/// # Errors
/// One line that names the choices.
pub fn durability_named(text: &str) -> Result<Durability, String> {
    named(&DURABILITY, text)
}

fn name<T: PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(known, _)| *known == value).map(|(_, name)| *name).expect("each value is named")
}

fn named<T: Copy>(table: &[(T, &'static str)], text: &str) -> Result<T, String> {
    let found = table.iter().find(|(_, name)| *name == text).map(|(value, _)| *value);
    let choices = || table.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("{text:?} is none of {}", choices()))
}

/// For `#[serde(with)]`.
pub(crate) mod acks {
    use super::{Acks, acks_name, acks_named};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn serialize<S: Serializer>(acks: &Acks, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(acks_name(*acks))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Acks, D::Error> {
        acks_named(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]`.
pub(super) mod durability {
    use super::{Durability, durability_name, durability_named};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(in crate::results) fn serialize<S: Serializer>(kept: &Durability, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(durability_name(*kept))
    }

    pub(in crate::results) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Durability, D::Error> {
        durability_named(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
