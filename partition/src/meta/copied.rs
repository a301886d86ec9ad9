//! Checkpoints out of a copy of a store: for who looks at a node from outside, and may not touch what it uses.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::sled_checkpoints::{self, SledCheckpoints};
use super::{Checkpoints, MetaError};
use crate::ids::ByteSize;

/// A store of more than this is not copied: checkpoints are few and small.
const STORE_BYTES_MAX: ByteSize = ByteSize::mib(256);

/// What a node's checkpoint store held when it was copied. A store in use may be copied torn: what it held lately is
/// then gone, as in any checkpoint store.
#[derive(Debug, Default)]
pub struct CopiedCheckpoints(BTreeMap<String, Bytes>);

impl CopiedCheckpoints {
    /// Copies the store in `dir` into `scratch`, an empty directory, reads it there, and leaves it to the caller to
    /// remove that.
    ///
    /// # Errors
    /// [`MetaError`] when there is no store, it cannot be copied, or the copy does not open.
    pub fn of_store(dir: &Path, scratch: &Path) -> Result<Self, MetaError> {
        let failed = |error: io::Error| MetaError::new(dir, error);
        if !sled_checkpoints::is_store(dir) {
            return Err(MetaError::new(dir, "there is no checkpoint store"));
        }
        let mut room = STORE_BYTES_MAX;
        copy(dir, scratch, &mut room).map_err(failed)?;
        Ok(Self(SledCheckpoints::open(scratch)?.all()))
    }
}

fn copy(from: &Path, into: &Path, room: &mut ByteSize) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy_of = into.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir_all(&copy_of)?;
            copy(&entry.path(), &copy_of, room)?;
        } else if kind.is_file() {
            let length = entry.metadata()?.len();
            let left = room.0.checked_sub(length);
            room.0 =
                left.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "too large to be copied"))?;
            fs::copy(entry.path(), &copy_of)?;
        }
    }
    Ok(())
}

impl Checkpoints for CopiedCheckpoints {
    /// A key that ends with a path is found by the last name in it too: a directory may be looked at by another path
    /// than the node's own, or have been moved.
    fn get(&self, key: &str) -> Option<Bytes> {
        if let Some(value) = self.0.get(key) {
            return Some(value.clone());
        }
        let (kind, path) = key.split_once(' ')?;
        let name = Path::new(path).file_name()?;
        let mut alike = self.0.iter().filter(|(other, _)| {
            let other = other.split_once(' ');
            other.is_some_and(|(of, path)| of == kind && Path::new(path).file_name() == Some(name))
        });
        let found = alike.next().map(|(_, value)| value.clone());
        // Two of one name: nobody can tell which is meant.
        found.filter(|_| alike.next().is_none())
    }

    /// A copy takes nothing.
    fn put(&self, _key: &str, _value: Bytes) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_read_while_another_holds_it_and_found_by_its_last_name() {
        let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = SledCheckpoints::open(dir.path()).unwrap();
        store.put("recovery-point /data/n1/orders-0", Bytes::from_static(b"12"));
        store.flush();
        let copied = CopiedCheckpoints::of_store(dir.path(), scratch.path()).unwrap();
        assert_eq!(copied.get("recovery-point ./n1/orders-0").as_deref(), Some(&b"12"[..]));
        assert_eq!(copied.get("recovery-point ./n1/orders-1"), None);
        assert_eq!(copied.get("high-watermark ./n1/orders-0"), None);
        copied.put("recovery-point /data/n1/orders-0", Bytes::from_static(b"99"));
        assert_eq!(store.get("recovery-point /data/n1/orders-0").as_deref(), Some(&b"12"[..]));
        let empty = tempfile::tempdir().unwrap();
        assert!(CopiedCheckpoints::of_store(empty.path(), scratch.path()).is_err());
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "a store was made where there was none");
    }
}
