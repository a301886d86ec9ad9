//! Counts the bytes that a node sends, whoever it sends them to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use partition::ids::ByteSize;
use partition::transport::{Address, Frame, FrameSink, Link, Listener, Transport};

/// How many bytes were sent: heads and bodies of frames, without what TCP and IP add.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<AtomicU64>);

impl Sent {
    /// So far.
    #[must_use]
    pub fn total(&self) -> ByteSize {
        ByteSize(self.0.load(Ordering::Relaxed))
    }
}

/// A transport that counts.
#[derive(Debug)]
pub(super) struct Metered<T> {
    inner: T,
    sent: Sent,
}

impl<T: Transport> Metered<T> {
    /// Counts what `inner` sends.
    #[must_use]
    pub(super) fn over(inner: T, sent: Sent) -> Self {
        Self { inner, sent }
    }
}

impl<T: Transport> Transport for Metered<T> {
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>> {
        let (connecting, sent) = (self.inner.connect(to), self.sent.clone());
        async move { Ok(metered(connecting.await?, sent)) }.boxed()
    }

    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let (listening, sent) = (self.inner.listen(at), self.sent.clone());
        async move { Ok(Box::new(MeteredListener { inner: listening.await?, sent }) as Box<dyn Listener>) }
            .boxed()
    }
}

fn metered(link: Link, sent: Sent) -> Link {
    Link { sink: Box::new(MeteredSink { inner: link.sink, sent }), stream: link.stream }
}

#[derive(Debug)]
struct MeteredListener {
    inner: Box<dyn Listener>,
    sent: Sent,
}

impl Listener for MeteredListener {
    fn address(&self) -> Address {
        self.inner.address()
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        async move { Ok(metered(self.inner.accept().await?, self.sent.clone())) }.boxed()
    }
}

#[derive(Debug)]
struct MeteredSink {
    inner: Box<dyn FrameSink>,
    sent: Sent,
}

impl FrameSink for MeteredSink {
    fn feed(&mut self, frame: Frame) {
        let bytes = frame.head.len() + frame.body.len();
        self.sent.0.fetch_add(bytes as u64, Ordering::Relaxed);
        self.inner.feed(frame);
    }

    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>> {
        self.inner.flush()
    }
}
