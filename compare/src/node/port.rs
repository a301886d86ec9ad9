//! Finds a node a port that it still has after a restart.

use std::io;
use std::net::SocketAddr;

use partition::transport::{Address, Listener, Transport};
use partition::world::Random;

/// Ports below those that the kernel gives to outgoing connections (32768 on, on Linux). From that range, a connection
/// of somebody else could take a dead node's port; and a client that keeps trying to reach it could meet itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many of them are tried before any free port will do.
const TRIES: usize = 100;

/// Listens there; port 0 is any free one.
pub(super) async fn listen(network: &dyn Transport, at: Address) -> io::Result<Box<dyn Listener>> {
    if at.0.port() != 0 {
        return network.listen(at).await;
    }
    // Not the node's own chance: nodes with one seed, in several runs at once, would all try the same ones.
    let random = Random::real();
    for _ in 0..TRIES {
        let below = random.below(u64::from(PORTS.end - PORTS.start));
        let port = PORTS.start + u16::try_from(below).expect("less than the range is long");
        match network.listen(Address(SocketAddr::new(at.0.ip(), port))).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            listening => return listening,
        }
    }
    network.listen(at).await
}
