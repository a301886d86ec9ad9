//! Frames over TCP.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::frame::{self, Splitter};
use super::{Address, Frame, FrameSink, FrameStream, Link, Listener, Transport};
use crate::ids::ByteSize;

/// Connections the kernel holds for us until they are accepted: all clients and replicas at once after a restart.
const BACKLOG: u32 = 1024;
/// What one read(2) can take: some tens of usual frames, and less than what a socket buffer holds.
const READ_SIZE: ByteSize = ByteSize::kib(64);
/// A body this large is handed to the kernel where it lies; copying a smaller one is cheaper than one more slice.
const COPY_BELOW: usize = 16 * 1024;
/// Slices in one writev(2): enough for a flush of large bodies, few enough for the stack.
const SLICES_MAX: usize = 32;

/// Connects and listens by TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTransport;

impl Transport for TcpTransport {
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>> {
        Box::pin(async move { link(socket(to)?.connect(to.0).await?) })
    }

    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {at}: {error}"));
            let listener = bind(at).map_err(named)?;
            let address = Address(listener.local_addr().map_err(named)?);
            Ok(Box::new(TcpAccept { listener, address }) as Box<dyn Listener>)
        })
    }
}

/// A socket whose connections end when the other machine has vanished without a word, though nothing is to be sent: by then a
/// listener may have thousands of such. Connections that are accepted take this from the socket that listens.
fn socket(of: Address) -> io::Result<TcpSocket> {
    let socket = if of.0.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_keepalive(true)?;
    Ok(socket)
}

fn bind(at: Address) -> io::Result<TcpListener> {
    let socket = socket(at)?;
    // A killed node's old connections may linger in TIME_WAIT; they must not keep its port from it.
    socket.set_reuseaddr(true)?;
    socket.bind(at.0)?;
    socket.listen(BACKLOG)
}

fn link(stream: TcpStream) -> io::Result<Link> {
    // Frames are flushed in batches already; Nagle would only hold the last one back.
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    Ok(Link {
        sink: Box::new(TcpSink { write, whole: VecDeque::new(), tail: BytesMut::new() }),
        stream: Box::new(TcpSource { read, arrived: Splitter::default() }),
    })
}

#[derive(Debug)]
struct TcpAccept {
    listener: TcpListener,
    address: Address,
}

impl Listener for TcpAccept {
    fn address(&self) -> Address {
        self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        Box::pin(async move {
            let (stream, _) = self.listener.accept().await?;
            link(stream)
        })
    }
}

/// What waits to be written: whole pieces first, then the tail that small frames are collected in.
#[derive(Debug)]
struct TcpSink {
    write: OwnedWriteHalf,
    whole: VecDeque<Bytes>,
    tail: BytesMut,
}

impl FrameSink for TcpSink {
    fn feed(&mut self, frame: Frame) {
        self.tail.extend_from_slice(&frame::prefix(&frame));
        self.tail.extend_from_slice(&frame.head);
        if frame.body.len() < COPY_BELOW {
            self.tail.extend_from_slice(&frame.body);
        } else {
            self.whole.push_back(self.tail.split().freeze());
            self.whole.push_back(frame.body);
        }
    }

    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            while !self.whole.is_empty() {
                let written = self.write_whole().await?;
                advance(&mut self.whole, written);
            }
            while !self.tail.is_empty() {
                if self.write.write_buf(&mut self.tail).await? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            Ok(())
        })
    }
}

impl TcpSink {
    async fn write_whole(&mut self) -> io::Result<usize> {
        if !self.tail.is_empty() {
            self.whole.push_back(self.tail.split().freeze());
        }
        let mut slices = [io::IoSlice::new(&[]); SLICES_MAX];
        for (slice, piece) in slices.iter_mut().zip(&self.whole) {
            *slice = io::IoSlice::new(piece);
        }
        let used = self.whole.len().min(SLICES_MAX);
        match self.write.write_vectored(&slices[..used]).await? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }
}

/// Takes so many bytes off the front.
fn advance(pieces: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(piece) = pieces.front_mut() {
        if written < piece.len() {
            piece.advance(written);
            return;
        }
        written -= piece.len();
        pieces.pop_front();
    }
}

#[derive(Debug)]
struct TcpSource {
    read: OwnedReadHalf,
    arrived: Splitter,
}

impl FrameStream for TcpSource {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Option<Frame>>> {
        Box::pin(async move {
            loop {
                if let Some(frame) = self.arrived.take()? {
                    return Ok(Some(frame));
                }
                if self.read.read_buf(self.arrived.room(READ_SIZE)?).await? == 0 {
                    return if self.arrived.is_empty() { Ok(None) } else { Err(cut_short()) };
                }
            }
        })
    }

    fn ready(&mut self) -> io::Result<Option<Frame>> {
        Ok(self.arrived.take()?)
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended inside a frame")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks_whether_the_other_lives(stream: TcpStream) -> bool {
        TcpSocket::from_std_stream(stream.into_std().unwrap()).keepalive().unwrap()
    }

    #[tokio::test]
    async fn both_ends_notice_by_themselves_that_the_other_has_vanished() {
        let listener = bind(Address("127.0.0.1:0".parse().unwrap())).unwrap();
        let at = Address(listener.local_addr().unwrap());
        let (caller, called) = tokio::join!(socket(at).unwrap().connect(at.0), listener.accept());
        assert!(asks_whether_the_other_lives(caller.unwrap()));
        assert!(asks_whether_the_other_lives(called.unwrap().0));
    }
}
