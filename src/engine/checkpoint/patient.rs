//! A store that is waited for by who has the checkpoint in it.

use super::store::{Owned, Store};
use crate::Result;
use crate::sink::retry::Patience;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store that is full or away is waited for, as sinks are: the batch stays where it is meanwhile. Before it is owned it
/// is not.
pub struct Patient {
    store: Box<dyn Store>,
    patience: Patience,
    is_owned: AtomicBool,
}

impl Patient {
    /// Waits for `store`.
    pub fn new(store: Box<dyn Store>, patience: Patience) -> Self {
        Self { store, patience, is_owned: AtomicBool::new(false) }
    }

    fn insist<T>(&self, what: &str, mut request: impl FnMut() -> Result<T>) -> Result<T> {
        if !self.is_owned.load(Ordering::Relaxed) {
            return request();
        }
        self.patience.insist("checkpoint", what, |_| request())
    }

    fn ask<T>(&self, question: impl Fn(&dyn Store) -> Result<T>) -> Result<T> {
        self.insist("what is read of it", || question(self.store.as_ref()))
    }
}

/// What waits for a file to be there.
fn held_back(name: &str) -> String {
    let number = |ending| name.strip_suffix(ending)?.parse::<u64>().ok();
    let done = || number(".state").or_else(|| number(".commit"))?.checked_sub(1);
    let batch = number(".entry").or_else(done);
    batch.map_or_else(|| name.into(), |batch| format!("batch {batch}"))
}

impl Store for Patient {
    fn place(&self) -> String {
        self.store.place()
    }

    fn names(&self) -> Result<Vec<String>> {
        self.ask(|store| store.names())
    }

    fn size(&self) -> Result<u64> {
        self.ask(|store| store.size())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.ask(|store| store.read(name))
    }

    fn length(&self, name: &str) -> Result<Option<usize>> {
        self.ask(|store| store.length(name))
    }

    fn read_range(&self, name: &str, bytes: Range<usize>) -> Result<Option<Vec<u8>>> {
        self.ask(|store| store.read_range(name, bytes.clone()))
    }

    fn write_with(&self, name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        self.insist(&held_back(name), || self.store.write_with(name, fill))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.insist(&held_back(name), || self.store.write(name, bytes))
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        self.insist("what is removed of it", || self.store.remove(names))
    }

    fn own(&self, owner: &str) -> Result<Owned> {
        let owned = self.store.own(owner)?;
        self.is_owned.store(true, Ordering::Relaxed);
        Ok(owned)
    }

    fn check(&self) -> Result<()> {
        self.store.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_says_which_batch_waits_for_it() {
        for (name, what) in [
            ("000000000007.entry", "batch 7"),
            ("000000000008.state", "batch 7"),
            ("000000000008.commit", "batch 7"),
            ("000000000000.commit", "000000000000.commit"),
            ("query.json", "query.json"),
        ] {
            assert_eq!(held_back(name), what);
        }
    }
}
