//! A partition that only takes appends, and answers them as a test says.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use partition::error::{AppendError, ReadError};
use partition::ids::Offset;
use partition::partition::{Append, Appended, Fetched, Partition, Read, Status, Tail};

/// Answers each append with what the function makes of it.
pub(super) struct Appends<F>(pub(super) F);

impl<F> fmt::Debug for Appends<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Appends")
    }
}

impl<F> Partition for Appends<F>
where
    F: Fn(Append) -> BoxFuture<'static, Result<Appended, AppendError>> + Send + Sync + 'static,
{
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        (self.0)(append)
    }

    fn read(&self, _: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        unreachable!("a load only appends")
    }

    fn tail(&self, _: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        unreachable!("a load only appends")
    }

    fn trim(&self, _: Offset, _: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        unreachable!("a load only appends")
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        unreachable!("a load only appends")
    }
}
