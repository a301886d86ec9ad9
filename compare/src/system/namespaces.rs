//! Network namespaces that nodes run in, and cuts in the router between them: a network outside of this program.
//!
//! ```text
//!   namespace h1        the namespace of this program: router and clients                           namespace h2
//!   10.97.1.2  eth0 ═══ veth ══ rule "from 10.97.1.2 to 10.97.2.2: to void1" ══ veth ═══ eth0  10.97.2.2
//! ```
//! A rule leads the packets of one way to a device that swallows them, counts them, and answers nothing, so that real TCP meets
//! the cut: it sends again and again, waits longer each time, and hears of no reset. What acknowledges is swallowed too, so that a
//! cut of one way soon stops what goes the other way on the same connection. Rules lie in the router and not with the sender,
//! whose own kernel would refuse new connections at once.
//!
//! Whoever made the namespaces says in a file which there are (`.ci/faults-in-namespaces` does):
//!
//! ```text
//!   h1 10.97.1.2 void1         a namespace's name, its address, and the device that swallows what it sends
//! ```
//! Left out: making and removing namespaces, which takes more rights than a program should ask for; and cuts of clients, which
//! are all in the router, and bar their own ways as they do elsewhere.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use partition::fault::Felt;
use partition::transport::Address;

use super::error::LaunchError;

/// Where each node listens: in its namespace nobody else does. Lower than the ports that connections are given.
const PORT: u16 = 9001;
/// The routing table of the first namespace's swallowing device, and so on: higher than those that have a meaning.
const FIRST_TABLE: u32 = 1000;
/// Where the kernel counts the packets of devices.
const DEVICES: &str = "/proc/self/net/dev";
/// Where on a line of it, behind the name, the packets that were sent are.
const SENT_PACKETS: usize = 9;
/// A file larger than this names no namespaces.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A namespace that a node can run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) name: String,
    address: IpAddr,
    /// The device that swallows what it sends.
    void: String,
    /// The routing table that leads there.
    table: u32,
}

impl Namespace {
    /// Where its node listens.
    pub(super) fn listens(&self) -> Address {
        Address(SocketAddr::new(self.address, PORT))
    }
}

/// From which address to which.
pub(super) type Way = (IpAddr, IpAddr);

/// The namespaces that there are. Clones share them.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// Who was given back last is taken last: what ran there has the longest to go.
    free: Arc<Mutex<VecDeque<Namespace>>>,
}

/// Why a text names no namespaces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamespacesError {
    /// It cannot be read.
    #[error("namespaces file {path}: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// What the operating system says.
        why: String,
    },
    /// A line that says something else.
    #[error(
        "namespaces file: {0:?} is no namespace (name, address and void device, such as h1 10.97.1.2 void1)"
    )]
    Line(String),
    /// One is there twice.
    #[error("namespaces file: {0} is there twice")]
    Twice(String),
}

impl Namespaces {
    /// Those of this file.
    ///
    /// # Errors
    /// [`NamespacesError`], in one line for the user.
    pub fn read(path: &Path) -> Result<Self, NamespacesError> {
        let unreadable = |why: String| NamespacesError::Unreadable { path: path.display().to_string(), why };
        let length = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > FILE_BYTES_MAX {
            return Err(unreadable(format!("more than {FILE_BYTES_MAX} bytes")));
        }
        fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?.parse()
    }

    /// So many of them, for one cluster.
    pub(super) fn lease(&self, count: usize) -> Result<Lease, LaunchError> {
        let mut free = self.free.lock().expect("no holder panics");
        if free.len() < count {
            return Err(LaunchError::BadInput(format!(
                "a cluster of {count} nodes needs as many network namespaces, and {} are free; name more of them",
                free.len()
            )));
        }
        let leased: Vec<Namespace> = free.drain(..count).collect();
        let swallowed_before = swallowed_by(&leased, &devices());
        Ok(Lease { leased, owner: self.clone(), cut: BTreeSet::new(), swallowed_before })
    }
}

impl FromStr for Namespaces {
    type Err = NamespacesError;

    fn from_str(text: &str) -> Result<Self, NamespacesError> {
        let mut free: VecDeque<Namespace> = VecDeque::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let wrong = || NamespacesError::Line(line.to_owned());
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, address, void] = *words else { return Err(wrong()) };
            let address = address.parse().map_err(|_| wrong())?;
            let table = FIRST_TABLE + u32::try_from(free.len()).map_err(|_| wrong())?;
            let namespace = Namespace { name: name.to_owned(), address, void: void.to_owned(), table };
            let same = |other: &Namespace| {
                other.name == namespace.name || other.address == address || other.void == namespace.void
            };
            if free.iter().any(same) {
                return Err(NamespacesError::Twice(namespace.name));
            }
            free.push_back(namespace);
        }
        Ok(Self { free: Arc::new(Mutex::new(free)) })
    }
}

/// The namespaces of one cluster, and what is cut between them; when it is dropped they are whole again, and free.
#[derive(Debug)]
pub(super) struct Lease {
    leased: Vec<Namespace>,
    owner: Namespaces,
    cut: BTreeSet<Way>,
    /// Packets, by earlier clusters.
    swallowed_before: Felt,
}

impl Lease {
    /// One for each node, in their order.
    pub(super) fn namespaces(&self) -> &[Namespace] {
        &self.leased
    }

    /// From now on these ways are cut, and no others. A node that is down meets them when it comes back.
    pub(super) fn cut(&mut self, ways: BTreeSet<Way>) -> Result<(), LaunchError> {
        let orders = orders(&self.leased, &self.cut, &ways);
        // Even when it fails some of it may have been done.
        self.cut.extend(&ways);
        carry_out(&orders).map_err(|error| {
            LaunchError::BadInput(format!("cannot cut ways between network namespaces: {error}"))
        })?;
        self.cut = ways;
        Ok(())
    }

    /// Packets that were swallowed so far.
    pub(super) fn swallowed(&self) -> Felt {
        let now = swallowed_by(&self.leased, &devices());
        Felt(now.0.saturating_sub(self.swallowed_before.0))
    }
}

/// What the kernel has counted; nothing where it does not say.
fn devices() -> String {
    fs::read_to_string(DEVICES).unwrap_or_default()
}

/// The packets that the devices of these have swallowed.
fn swallowed_by(namespaces: &[Namespace], devices: &str) -> Felt {
    let of = |namespace: &Namespace| {
        let mut lines = devices.lines().filter_map(|line| line.split_once(':'));
        let (_, counts) = lines.find(|(name, _)| name.trim() == namespace.void)?;
        Some(Felt(counts.split_whitespace().nth(SENT_PACKETS)?.parse().ok()?))
    };
    namespaces.iter().filter_map(of).sum()
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Err(error) = self.cut(BTreeSet::new()) {
            tracing::warn!(%error, "cuts are left between network namespaces");
        }
        let mut free = self.owner.free.lock().expect("no holder panics");
        free.extend(self.leased.drain(..));
    }
}

/// What `ip -batch` has to be told. The way to a swallowing device is there when the first rule leads to it.
fn orders(namespaces: &[Namespace], before: &BTreeSet<Way>, after: &BTreeSet<Way>) -> String {
    let order = |what: &'static str, (from, to): &Way| {
        let sender = namespaces.iter().find(|namespace| namespace.address == *from);
        let Namespace { void, table, .. } = sender.expect("ways begin in the cluster's own namespaces");
        let route = format!("route replace default dev {void} table {table}\n");
        let rule = format!("rule {what} from {from} to {to} lookup {table}\n");
        if what == "add" { route + &rule } else { rule }
    };
    let healed = before.difference(after).map(|way| order("del", way));
    healed.chain(after.difference(before).map(|way| order("add", way))).collect()
}

/// Milliseconds, so that it may be waited for.
fn carry_out(orders: &str) -> io::Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut ip = Command::new("ip");
    ip.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = ip.spawn()?;
    let mut stdin = running.stdin.take().expect("it was asked for");
    stdin.write_all(orders.as_bytes())?;
    drop(stdin);
    let output = running.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).replace('\n', " "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_takes_namespaces_for_itself_and_gives_them_back() {
        let all: Namespaces = "h1 10.97.1.2 v1\n\nh2  10.97.2.2 v2\nh3 fd00::3 v3\n".parse().unwrap();
        let lease = all.lease(2).unwrap();
        let listens: Vec<String> = lease.namespaces().iter().map(|one| one.listens().to_string()).collect();
        assert_eq!(listens, ["10.97.1.2:9001", "10.97.2.2:9001"]);
        let error = all.lease(2).unwrap_err().to_string();
        assert!(error.contains("1 are free"), "{error}");
        drop(lease);
        let names = all.lease(3).unwrap().namespaces().iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names, ["h3", "h1", "h2"], "what ran there last is left alone longest");
    }

    #[test]
    fn a_file_that_names_no_namespaces_is_one_clear_line() {
        let wrong = [
            ("h1", "\"h1\" is no namespace"),
            ("h1 10.0.0.1", "is no namespace"),
            ("h1 somewhere v1", "is no namespace"),
            ("h1 10.0.0.1 v1\nh1 10.0.0.2 v2", "h1 is there twice"),
            ("h1 10.0.0.1 v1\nh2 10.0.0.1 v2", "h2 is there twice"),
            ("h1 10.0.0.1 v1\nh2 10.0.0.2 v1", "h2 is there twice"),
        ];
        for (text, clue) in wrong {
            let error = text.parse::<Namespaces>().unwrap_err().to_string();
            assert!(error.contains(clue) && !error.contains('\n'), "{error}");
        }
        let error = Namespaces::read(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.starts_with("namespaces file /nonexistent:"), "{error}");
    }

    #[test]
    fn only_what_changes_is_ordered_and_each_way_for_itself() {
        let all: Namespaces = "h1 10.97.1.2 v1\nh2 10.97.2.2 v2\nh3 10.97.3.2 v3".parse().unwrap();
        let lease = all.lease(3).unwrap();
        let at = |number: u8| IpAddr::from([10, 97, number, 2]);
        let before = BTreeSet::from([(at(1), at(2)), (at(2), at(1))]);
        let after = BTreeSet::from([(at(2), at(1)), (at(3), at(1))]);
        let told = orders(lease.namespaces(), &before, &after);
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(
            told,
            [
                "rule del from 10.97.1.2 to 10.97.2.2 lookup 1000",
                "route replace default dev v3 table 1002",
                "rule add from 10.97.3.2 to 10.97.1.2 lookup 1002",
            ]
        );
        assert_eq!(orders(lease.namespaces(), &after, &after), "");
    }

    #[test]
    fn what_a_device_swallowed_is_what_it_sent() {
        let all: Namespaces = "h1 10.97.1.2 v1\nh2 10.97.2.2 v2".parse().unwrap();
        let lease = all.lease(2).unwrap();
        let devices = "Inter-|   Receive                            |  Transmit\n face |bytes packets\n\
            \x20   v1: 1 2 3 4 5 6 7 8 900 7 0 0 0 0 0 0\n   v11: 1 2 3 4 5 6 7 8 900 50 0 0 0 0 0 0\n\
            \x20   v2: 1 2 3 4 5 6 7 8 900 11 0 0 0 0 0 0\n";
        assert_eq!(swallowed_by(lease.namespaces(), devices), Felt(18));
        assert_eq!(swallowed_by(lease.namespaces(), ""), Felt(0));
    }
}
