//! A port of this machine, kept for one node through its deaths.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use super::Address;

/// A loopback port that nobody else is given while this is held. A node may listen on it, die, and listen again: the
/// socket that holds it is bound and never listens, and the kernel gives a bound port to no connection and to nobody
/// who asks for any free one. Two listeners still exclude each other.
pub struct HeldPort {
    address: Address,
    /// Linux lets a listener share a port with a socket that is merely bound.
    _bound: TcpSocket,
}

impl HeldPort {
    /// Takes any free port of this machine alone.
    ///
    /// # Errors
    /// When there is none.
    pub fn any() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Both sockets must say so, or the node could not bind beside this one.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = Address(socket.local_addr()?);
        Ok(Self { address, _bound: socket })
    }

    /// Where the node listens.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }
}

impl fmt::Debug for HeldPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldPort").field(&self.address).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::super::tcp::TcpTransport;
    use super::*;

    /// So many, of some 28,000, that a kernel which gave held ports away would give some in each loop.
    const HELD: usize = 500;
    const ASKED: usize = 1_000;

    #[tokio::test]
    async fn a_node_listens_there_again_and_again_and_no_two_at_once() {
        let port = HeldPort::any().unwrap();
        for _ in 0..3 {
            let _first = TcpTransport.listen(port.address()).await.unwrap();
            let second = TcpTransport.listen(port.address()).await.unwrap_err();
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        }
    }

    /// A test's node could not come back when another test's connection had got its port.
    #[tokio::test]
    async fn it_is_given_to_no_connection_and_to_nobody_who_asks_for_any_port() {
        let ports: Vec<_> = (0..HELD).map(|_| HeldPort::any().unwrap()).collect();
        let server = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..ASKED {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let connection = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            let accepted = server.accept().unwrap();
            let given = [listener.local_addr().unwrap(), connection.local_addr().unwrap()];
            assert!(!ports.iter().any(|port| given.contains(&port.address().0)), "one of {given:?} is held");
            drop(accepted);
        }
    }
}
