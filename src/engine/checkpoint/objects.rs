//! A prefix in a bucket as the place of a checkpoint.

use super::bucket::Bucket;
use super::lease::{Keeper, Lease};
use super::manifest::{Object, is_key};
use super::store::{Owned, Store};
use crate::Result;
use crate::clock::{Stop, Timer};
use crate::place::Place;
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// Objects under a prefix. Which of them are the files of the checkpoint says its manifest, which also says who has it: a
/// file is there when it stands there.
pub struct Objects {
    lease: Arc<Lease>,
    timer: Arc<dyn Timer>,
    stop: Stop,
}

impl Objects {
    /// The checkpoint at a place. Whether who has it lives is seen by `timer`, until `stop` is requested.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    pub fn open(place: Place, timer: Arc<dyn Timer>, stop: Stop) -> Result<Self> {
        Ok(Self { lease: Arc::new(Lease::open(Bucket::new(place)?)?), timer, stop })
    }

    /// The places directly below one, which may have checkpoints.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    pub fn below(place: &Place) -> Result<Vec<Place>> {
        let (_, mut below) = Bucket::new(place.clone())?.names()?;
        below.sort();
        Ok(below.iter().map(|name| place.below(name)).collect())
    }

    fn bucket(&self) -> &Bucket {
        &self.lease.bucket
    }

    /// Deletes objects that no manifest names any more. What is left is deleted at the next start.
    fn delete(&self, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        if let Err(error) = self.bucket().delete(keys) {
            tracing::debug!("checkpoint {error}: {} objects are left", keys.len());
        }
    }

    /// Deletes those of the objects that were written for nothing, by runs that were killed or had lost the checkpoint. They
    /// were there before it was taken: what came later may be of whoever took it next.
    fn sweep(&self, mut before: Vec<String>) {
        let files = self.lease.files();
        let named: BTreeSet<&str> = files.values().map(|object| object.key.as_str()).collect();
        before.retain(|name| is_key(name) && !named.contains(name.as_str()));
        self.delete(&before);
    }
}

impl Store for Objects {
    fn place(&self) -> String {
        self.bucket().place().to_string()
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.lease.files().into_keys().collect())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.lease.files().values().map(|object| object.bytes).sum())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(object) = self.lease.file(name) else { return Ok(None) };
        Ok(self.bucket().get(&object.key)?.map(|(bytes, _)| bytes))
    }

    fn length(&self, name: &str) -> Result<Option<usize>> {
        let length = |object: Object| usize::try_from(object.bytes).unwrap_or(usize::MAX);
        Ok(self.lease.file(name).map(length))
    }

    fn read_range(&self, name: &str, bytes: Range<usize>) -> Result<Option<Vec<u8>>> {
        let Some(object) = self.lease.file(name) else { return Ok(None) };
        self.bucket().get_range(&object.key, bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_with(name, &mut |object| Ok(object.write_all(bytes)?))
    }

    fn write_with(&self, name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        self.check()?;
        let key = self.lease.key(name);
        let bytes = self.bucket().put(&key, fill)?;
        let before = self.lease.file(name);
        self.lease.change(|now| drop(now.files.insert(name.into(), Object { key, bytes })))?;
        if let Some(before) = before {
            self.delete(&[before.key]);
        }
        Ok(())
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        let keys: Vec<_> = names.iter().filter_map(|name| Some(self.lease.file(name)?.key)).collect();
        if keys.is_empty() {
            return self.check();
        }
        self.lease.change(|now| now.files.retain(|name, _| !names.contains(name)))?;
        self.delete(&keys);
        Ok(())
    }

    fn own(&self, owner: &str) -> Result<Owned> {
        self.bucket().probe(&self.lease.probe())?;
        let (before, _) = self.bucket().names()?;
        self.lease.take(owner, self.timer.as_ref(), &self.stop)?;
        let keeper = Keeper::start(self.lease.clone())?;
        self.sweep(before);
        Ok(Owned::until_dropped(keeper))
    }

    fn check(&self) -> Result<()> {
        self.lease.check()
    }
}
