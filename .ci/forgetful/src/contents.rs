//! The contents of one file twice: as programs see them, and as a power cut leaves them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is kept and forgotten at once, as by an operating system.
const PAGE: usize = 4096;

type Page = [u8; PAGE];

/// Contents, seen and durable.
#[derive(Debug, Default)]
pub struct Contents {
    seen: Bytes,
    durable: Bytes,
    /// The pages in which they may differ.
    unsynced: BTreeSet<u64>,
}

/// Bytes with holes: a page that is not there holds zeros.
#[derive(Debug, Default)]
struct Bytes {
    length: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

impl Contents {
    pub fn length(&self) -> u64 {
        self.seen.length
    }

    /// What lies there, up to the end.
    pub fn read(&self, at: u64, count: usize) -> Vec<u8> {
        let left = usize::try_from(self.seen.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut found = vec![0; count.min(left)];
        let mut done = 0;
        while done < found.len() {
            let (number, within) = place(at + done as u64);
            let part = (found.len() - done).min(PAGE - within);
            if let Some(page) = self.seen.pages.get(&number) {
                found[done..done + part].copy_from_slice(&page[within..within + part]);
            }
            done += part;
        }
        found
    }

    pub fn write(&mut self, mut at: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (number, within) = place(at);
            let part = bytes.len().min(PAGE - within);
            self.change(number)[within..within + part].copy_from_slice(&bytes[..part]);
            at += part as u64;
            self.seen.length = self.seen.length.max(at);
            bytes = &bytes[part..];
        }
    }

    /// Cuts it, or lengthens it with zeros.
    pub fn set_length(&mut self, length: u64) {
        if length < self.seen.length {
            let (last, within) = place(length);
            if within > 0 && self.seen.pages.contains_key(&last) {
                self.change(last)[within..].fill(0);
            }
            let gone = self.seen.pages.split_off(&length.div_ceil(PAGE as u64));
            self.unsynced.extend(gone.keys());
        }
        self.seen.length = length;
    }

    /// What is seen is durable.
    pub fn sync(&mut self) {
        take(&mut self.durable, &self.seen, std::mem::take(&mut self.unsynced));
    }

    /// What is durable is all there is. Returns whether there was more, or less.
    pub fn forget(&mut self) -> bool {
        let differed = self.differs();
        take(&mut self.seen, &self.durable, std::mem::take(&mut self.unsynced));
        differed
    }

    fn differs(&self) -> bool {
        let differ = |number: &u64| self.seen.pages.get(number) != self.durable.pages.get(number);
        self.seen.length != self.durable.length || self.unsynced.iter().any(differ)
    }

    fn change(&mut self, number: u64) -> &mut Page {
        self.unsynced.insert(number);
        Arc::make_mut(self.seen.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE])))
    }
}

/// Makes `to` what `from` is, given where they may differ.
fn take(to: &mut Bytes, from: &Bytes, differ: BTreeSet<u64>) {
    to.length = from.length;
    for number in differ {
        match from.pages.get(&number) {
            Some(page) => to.pages.insert(number, Arc::clone(page)),
            None => to.pages.remove(&number),
        };
    }
}

/// In which page a byte lies, and where in it.
fn place(at: u64) -> (u64, usize) {
    (at / PAGE as u64, usize::try_from(at % PAGE as u64).expect("less than a page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(contents: &Contents) -> Vec<u8> {
        contents.read(0, usize::MAX)
    }

    #[test]
    fn what_was_not_synced_is_forgotten_with_the_length() {
        let mut file = Contents::default();
        file.write(0, b"kept");
        file.sync();
        file.write(2, b"lost");
        assert_eq!(whole(&file), b"kelost");
        assert!(file.forget());
        assert_eq!(whole(&file), b"kept");
        assert!(!file.forget(), "there is nothing left to forget");
        file.set_length(1);
        file.set_length(9000);
        assert!(file.forget());
        assert_eq!(whole(&file), b"kept");
    }

    /// The same steps each time, without a crate for chance.
    #[test]
    fn any_writes_cuts_syncs_and_power_cuts_read_as_they_would_of_plain_bytes() {
        let mut chance: u64 = 1;
        let mut draw = |below: usize| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 33) as usize % below
        };
        for _ in 0..200 {
            let (mut file, mut seen, mut durable) = (Contents::default(), Vec::new(), Vec::new());
            for _ in 0..60 {
                let at = draw(3 * PAGE);
                match draw(10) {
                    0..5 => {
                        let bytes = vec![draw(255) as u8 + 1; draw(2 * PAGE) + 1];
                        seen.resize(seen.len().max(at + bytes.len()), 0);
                        seen[at..at + bytes.len()].copy_from_slice(&bytes);
                        file.write(at as u64, &bytes);
                    }
                    5..7 => {
                        seen.resize(at, 0);
                        file.set_length(at as u64);
                    }
                    7..9 => {
                        file.sync();
                        durable.clone_from(&seen);
                    }
                    _ => {
                        let differed = seen != durable;
                        let forgot = file.forget();
                        assert!(forgot || !differed);
                        seen.clone_from(&durable);
                    }
                }
                assert!(whole(&file) == seen);
            }
        }
    }
}
