//! Nodes that run elsewhere: who they are and where they listen, as the user's file says.
//!
//! ```toml
//! [[host]]
//! name = "n1"                     # a replica: n and its number; c and its number: a controller (isr)
//! address = "10.0.0.1:9001"       # where its `compare node` listens
//! ```
//! They are measured and left running. Left out: what they consume, which only they could tell; delays, pauses and kills, which
//! are for whoever runs them; and checking that they were started with the terms that the client assumes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use partition::ids::{NodeId, PartitionId};
use partition::transport::Address;
use serde::Deserialize;

use super::shape::{MinIsr, Replicas, Shape, ShapeError};
use crate::node::{DiskTerms, Plan, Scale};

/// A file larger than this names no hosts.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Nodes that run elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    replicas: BTreeMap<NodeId, Address>,
    controllers: BTreeMap<NodeId, Address>,
}

/// Why a file names no hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// It cannot be read.
    #[error("hosts file {path}: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// What the operating system says.
        why: String,
    },
    /// It says something else.
    #[error("hosts file: {0}")]
    Text(String),
    /// A name that is none.
    #[error("hosts file: {0:?} names no node (n1, n2, .. are replicas, c1, c2, .. are controllers)")]
    Name(String),
    /// Somebody is there twice.
    #[error("hosts file: {0} is there twice")]
    Twice(String),
    /// Not a number of replicas.
    #[error("hosts file: {0}")]
    Shape(#[from] ShapeError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    host: Vec<Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    name: String,
    address: SocketAddr,
}

impl Hosts {
    /// Those of this file.
    ///
    /// # Errors
    /// [`HostsError`], in one line for the user.
    pub fn read(path: &Path) -> Result<Self, HostsError> {
        let unreadable = |error: io::Error| HostsError::Unreadable {
            path: path.display().to_string(),
            why: error.to_string(),
        };
        if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(HostsError::Text(format!("more than {FILE_BYTES_MAX} bytes")));
        }
        fs::read_to_string(path).map_err(unreadable)?.parse()
    }

    /// How many of them are replicas.
    ///
    /// # Errors
    /// [`HostsError::Shape`] when nobody has so many.
    pub fn replicas(&self) -> Result<Replicas, HostsError> {
        Ok(Replicas::new(self.replicas.len())?)
    }

    /// Whether there are controllers among them.
    #[must_use]
    pub fn have_controllers(&self) -> bool {
        !self.controllers.is_empty()
    }

    /// What the nodes were told, as far as a client has to know it.
    pub(super) fn plan(&self, shape: Shape, partition: PartitionId, scale: Scale) -> Plan {
        Plan {
            partition,
            replicas: self.replicas.clone(),
            spares: BTreeMap::new(),
            controllers: self.controllers.clone(),
            min_isr: MinIsr::get(shape.min_isr),
            commit: shape.commit_rule(),
            copies: shape.copies_awaited(),
            durability: shape.durability,
            injected: None,
            times: None,
            disk: DiskTerms::Plain,
            segment: None,
            scale,
        }
    }
}

impl FromStr for Hosts {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, HostsError> {
        let one_line = |error: toml::de::Error| HostsError::Text(error.message().to_owned());
        let file: File = toml::from_str(text).map_err(one_line)?;
        let mut hosts = Self { replicas: BTreeMap::new(), controllers: BTreeMap::new() };
        for Host { name, address } in file.host {
            let mut letters = name.chars();
            let kind = match letters.next() {
                Some('n') => &mut hosts.replicas,
                Some('c') => &mut hosts.controllers,
                _ => return Err(HostsError::Name(name)),
            };
            let node: NodeId = letters.as_str().parse().map_err(|_| HostsError::Name(name.clone()))?;
            if kind.insert(node, Address(address)).is_some() {
                return Err(HostsError::Twice(name));
            }
        }
        hosts.replicas()?;
        Ok(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(hosts: &[(&str, &str)]) -> String {
        hosts.iter().map(|(name, at)| format!("[[host]]\nname = \"{name}\"\naddress = \"{at}\"\n")).collect()
    }

    #[test]
    fn a_file_names_replicas_and_controllers_by_their_numbers() {
        let text = file(&[("n1", "10.0.0.1:9001"), ("n2", "[::1]:9001"), ("c1", "10.0.0.1:9101")]);
        let hosts: Hosts = text.parse().unwrap();
        assert_eq!(hosts.replicas().unwrap().get(), 2);
        assert!(hosts.have_controllers());
        assert_eq!(hosts.replicas[&NodeId(1)], Address("10.0.0.1:9001".parse().unwrap()));
    }

    #[test]
    fn a_file_that_names_no_hosts_is_one_clear_line() {
        let wrong = [
            ("", "replicas must be 1 to 9, not 0"),
            ("nonsense", "hosts file"),
            (&file(&[("x1", "10.0.0.1:1")]), "\"x1\" names no node"),
            (&file(&[("n", "10.0.0.1:1")]), "\"n\" names no node"),
            (&file(&[("n1", "10.0.0.1:1"), ("n1", "10.0.0.2:1")]), "n1 is there twice"),
            (&file(&[("n1", "somewhere")]), "hosts file"),
        ];
        for (text, clue) in wrong {
            let error = text.parse::<Hosts>().unwrap_err().to_string();
            assert!(error.contains(clue) && !error.contains('\n'), "{error}");
        }
        let error = Hosts::read(Path::new("/nonexistent/hosts.toml")).unwrap_err().to_string();
        assert!(error.starts_with("hosts file /nonexistent/hosts.toml:"), "{error}");
    }
}
