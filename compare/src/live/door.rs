//! Where connections come in: so many at once, and none that stays for nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use partition::clock::{Clock, Moment};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once: some browsers with some tabs each, and a scraper. More wait in the operating system's queue.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// A connection on which nothing moves for so long gives its place to another: who watches is told something each second.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A listener that lets so many in.
#[derive(Debug)]
pub(super) struct Door {
    inner: TcpListener,
    clock: Clock,
    places: Arc<Semaphore>,
}

/// A connection that holds its place until it ends, or nothing has moved on it for long.
pub(super) struct Visitor<S> {
    stream: S,
    clock: Clock,
    /// When something moved last.
    moved: Moment,
    alarm: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl Door {
    pub(super) fn of(inner: TcpListener, clock: &Clock) -> Self {
        Self { inner, clock: clock.clone(), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Door {
    type Io = Visitor<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor<TcpStream>, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the door is never closed");
        let (stream, from) = Listener::accept(&mut self.inner).await;
        (Visitor::new(stream, &self.clock, place), from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl<S> Visitor<S> {
    fn new(stream: S, clock: &Clock, place: OwnedSemaphorePermit) -> Self {
        let moved = clock.now();
        let alarm = Box::pin(clock.sleep_until(moved.after(IDLE_MAX)));
        Self { stream, clock: clock.clone(), moved, alarm, _place: place }
    }

    /// Notes whether something moved; where nothing does, whether it is time to go.
    fn moves<T>(&mut self, cx: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.moved = self.clock.now();
            return moved;
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let until = self.moved.after(IDLE_MAX);
            if until <= self.clock.now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm = Box::pin(self.clock.sleep_until(until));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Visitor<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.moves(cx, read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Visitor<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moves(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;
    use partition::simulation;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn who_says_and_is_told_nothing_gives_up_his_place_and_who_watches_keeps_it() {
        simulation::run(1, async |simulation| {
            let clock = simulation.world(NodeId(1)).clock;
            let places = Arc::new(Semaphore::new(1));
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let (mut browser, stream) = duplex(64);
            let mut visitor = Visitor::new(stream, &clock, place);
            for _ in 0..10 {
                clock.sleep(IDLE_MAX / 2).await;
                visitor.write_all(b"event").await.unwrap();
                browser.read_exact(&mut [0; 5]).await.unwrap();
                let read = clock.timeout(Duration::from_secs(1), visitor.read_u8()).await;
                assert!(read.is_err(), "it waits for more");
            }
            let began = clock.now();
            let error = visitor.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(clock.now().since(began) <= IDLE_MAX);
            drop(visitor);
            assert_eq!(places.available_permits(), 1);
        });
    }
}
