//! What lies around a cluster of processes, outside of this program: the network between them, and their power.

use std::path::Path;
use std::str::FromStr;

use super::namespaces::{Namespaces, NamespacesError};
use super::power::Power;

/// What lies around a cluster of processes. By default nothing but this machine.
#[derive(Clone, Debug, Default)]
pub struct Premises {
    /// What is between them.
    pub network: Network,
    /// How they lose their power.
    pub power: Power,
}

/// What is between the nodes of a cluster, and how it is cut.
#[derive(Clone, Debug, Default)]
pub enum Network {
    /// This machine's loopback; each process bars its own ways.
    #[default]
    Barriers,
    /// A namespace each, with a router between them that swallows packets.
    Namespaces(Namespaces),
}

/// Why a text says of no network what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It says something else.
    #[error("no such network: {0:?} (barriers, or namespaces:FILE)")]
    Unknown(String),
    /// Its file does.
    #[error(transparent)]
    Namespaces(#[from] NamespacesError),
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "barriers" => Ok(Self::Barriers),
            Some(("namespaces", file)) => Ok(Self::Namespaces(Namespaces::read(Path::new(file))?)),
            _ => Err(NetworkError::Unknown(text.to_owned())),
        }
    }
}

impl Premises {
    /// The script that makes them, where that is not the program alone.
    #[must_use]
    pub fn script(&self) -> Option<&'static str> {
        match (&self.network, &self.power) {
            (Network::Namespaces(_), _) => Some(".ci/faults-in-namespaces"),
            (_, Power::FileSystem(_)) => Some(".ci/power-cut-by-fuse"),
            (Network::Barriers, Power::Injected) => None,
        }
    }
}

impl Network {
    /// How cuts are made, as results say it.
    #[must_use]
    pub fn cuts(&self) -> &'static str {
        match self {
            Self::Barriers => "cuts: barriers in the transport of each process",
            Self::Namespaces(_) => {
                "cuts: blackhole routes between network namespaces; of clients: barriers in their transport"
            }
        }
    }
}
