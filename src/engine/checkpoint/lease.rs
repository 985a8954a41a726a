//! Who has a checkpoint in a bucket.
//!
//! All that counts stands in one object, the manifest, which is only ever replaced by who knows its last version: the store
//! refuses everybody else (`If-Match`). Taking the checkpoint over is such a replacement, too. So from the moment at which
//! somebody has it, whoever had it before can change nothing, however long it slept and whatever it believes. Time
//! only says when it may be taken from somebody who is silent; no two clocks are compared.

use super::bucket::Bucket;
use super::manifest::{Manifest, Object, key};
use super::sealed;
use super::store::in_use;
use crate::clock::{Stop, Timer};
use crate::units::format_duration;
use crate::{Error, Result};
use object_store::UpdateVersion;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Who says nothing for so long is taken to be dead.
const SILENCE: Duration = Duration::from_secs(10);

/// How often an owner says that it lives.
const RENEWED: Duration = Duration::from_secs(3);

/// So often who waits looks whether the owner lives.
const LOOKS: u32 = 20;

/// How long it waits between two looks.
const LOOKED: Duration = Duration::from_millis(SILENCE.as_millis() as u64 / LOOKS as u64);

/// The object that says who has the checkpoint.
const MANIFEST: &str = "manifest";

/// A checkpoint in a bucket, as this run knows it.
pub struct Lease {
    /// Where it is.
    pub bucket: Bucket,
    /// The number of this run.
    run: String,
    turns: AtomicU64,
    known: Mutex<Known>,
    lost: OnceLock<Error>,
}

/// The manifest that was read or written last.
#[derive(Default)]
struct Known {
    manifest: Manifest,
    version: Option<UpdateVersion>,
}

impl Lease {
    /// Reads who has the checkpoint, and its files.
    ///
    /// # Errors
    /// When the store does not give them, or they are not as they were written.
    pub fn open(bucket: Bucket) -> Result<Self> {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let (turns, known) = (AtomicU64::new(0), Mutex::default());
        let lease = Self { bucket, run, turns, known, lost: OnceLock::new() };
        if let Some((manifest, version)) = lease.load()? {
            *lease.known() = Known { manifest, version: Some(version) };
        }
        Ok(lease)
    }

    /// The files, as far as this run knows.
    pub fn files(&self) -> BTreeMap<String, Object> {
        self.known().manifest.files.clone()
    }

    /// The object of a file, as far as this run knows.
    pub fn file(&self, name: &str) -> Option<Object> {
        self.known().manifest.files.get(name).cloned()
    }

    /// Whether this run still has it, as far as it knows.
    ///
    /// # Errors
    /// When it has lost it.
    pub fn check(&self) -> Result<()> {
        self.lost.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// A name for an object that no other one has.
    pub fn key(&self, file: &str) -> String {
        key(file, &self.run, self.turn())
    }

    /// A name for an object that is no file, and that nobody else deletes.
    pub fn probe(&self) -> String {
        format!("probe-{}", self.run)
    }

    /// Takes the checkpoint, once who has it is silent for long enough.
    ///
    /// # Errors
    /// A usage error with the owner where it lives; when the store does not answer.
    pub fn take(&self, owner: &str, timer: &dyn Timer, stop: &Stop) -> Result<()> {
        let found = self.wait_for_silence(timer, stop)?;
        let (files, seen) = found.map(|(manifest, version)| (manifest.files, version)).unzip();
        let files = files.unwrap_or_default();
        let manifest =
            Manifest { owner: Some(owner.into()), run: self.run.clone(), turn: self.turn(), files };
        let version = match self.bucket.replace(MANIFEST, seal(&manifest)?, seen.as_ref())? {
            Some(version) => version,
            // Somebody else was first, or the answer to our own was lost.
            None => match self.load()? {
                Some((now, version)) if now.run == self.run => version,
                other => return Err(self.in_use(other.as_ref().map(|(manifest, _)| manifest))),
            },
        };
        *self.known() = Known { manifest, version: Some(version) };
        Ok(())
    }

    /// Gives the manifest once its owner, if it has one, has not replaced it for long enough.
    fn wait_for_silence(&self, timer: &dyn Timer, stop: &Stop) -> Result<Option<(Manifest, UpdateVersion)>> {
        let mut found = self.load()?;
        for look in 0..LOOKS {
            let Some((before, owner)) =
                found.as_ref().and_then(|(manifest, _)| Some((manifest, manifest.owner.as_ref()?)))
            else {
                break;
            };
            if look == 0 {
                let (place, long) = (self.bucket.place(), format_duration(SILENCE));
                tracing::warn!("checkpoint {place}: {owner} has it: waiting {long} to see whether it lives");
            }
            if timer.wait(LOOKED, stop) {
                return Err(self.in_use(Some(before)));
            }
            let now = self.load()?;
            match &now {
                Some((manifest, _)) if manifest != before && manifest.owner.is_some() => {
                    return Err(self.in_use(Some(manifest)));
                }
                _ => found = now,
            }
        }
        Ok(found)
    }

    /// Changes what is in the manifest, if the checkpoint is still this run's.
    ///
    /// # Errors
    /// When it is somebody else's, for good; an unreachable error when the store does not answer: then it can be tried again.
    pub fn change(&self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        self.check()?;
        let mut known = self.known();
        let mut next = known.manifest.clone();
        change(&mut next);
        loop {
            next.turn = self.turn();
            match self.bucket.replace(MANIFEST, seal(&next)?, known.version.as_ref())? {
                Some(version) => {
                    *known = Known { manifest: next, version: Some(version) };
                    return Ok(());
                }
                // The answer to a write of ours may have been lost.
                None => known.version = Some(self.still_ours(known.version.as_ref())?),
            }
        }
    }

    /// The version of the manifest, which is not the one that was known, if this run wrote it.
    fn still_ours(&self, known: Option<&UpdateVersion>) -> Result<UpdateVersion> {
        match self.load()? {
            Some((manifest, version)) if manifest.run == self.run && Some(&version) != known => Ok(version),
            Some((manifest, _)) if manifest.run == self.run => {
                let place = self.bucket.place();
                // S3 has conflicts of its own, which pass.
                Err(Error::unreachable(format!(
                    "{place}: the store does not replace the version that it has"
                )))
            }
            other => {
                let error = self.taken_over(other.map(|(manifest, _)| manifest));
                Err(self.lost.get_or_init(|| error).clone())
            }
        }
    }

    /// Says again and again that this run lives, and gives the checkpoint back at the end.
    pub fn keep(&self, stop: &Stop) {
        let mut is_away = false;
        while !stop.wait(RENEWED) {
            match self.change(|_| ()) {
                Ok(()) => is_away = false,
                // Whoever runs the query hears of it from `check`.
                Err(_) if self.check().is_err() => return,
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(
                            "checkpoint {error}: until it answers, others take this query for dead"
                        );
                    }
                }
            }
        }
        if let Err(error) = self.change(|manifest| manifest.owner = None) {
            tracing::debug!("the checkpoint was not given back: {error}");
        }
    }

    fn load(&self) -> Result<Option<(Manifest, UpdateVersion)>> {
        let Some((bytes, version)) = self.bucket.get(MANIFEST)? else { return Ok(None) };
        let broken = || {
            Error::failed(format!(
                "checkpoint {}: its manifest is not as it was written",
                self.bucket.place()
            ))
        };
        Ok(Some((sealed::open(&bytes).ok_or_else(broken)?, version)))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    fn in_use(&self, manifest: Option<&Manifest>) -> Error {
        let owner = manifest.and_then(|manifest| manifest.owner.as_deref());
        in_use(self.bucket.place(), owner.unwrap_or("another process"))
    }

    fn taken_over(&self, manifest: Option<Manifest>) -> Error {
        let place = self.bucket.place();
        let Some(manifest) = manifest else {
            return Error::failed(format!("the checkpoint {place} is gone: somebody deleted its manifest"));
        };
        let owner = manifest.owner.unwrap_or_else(|| "another process, which has ended".into());
        let long = format_duration(SILENCE);
        Error::failed(format!("the checkpoint {place} was taken over by {owner}"))
            .hint(format!("this query was silent for {long} or more, and can write nothing any more"))
    }
}

fn seal(manifest: &Manifest) -> Result<Vec<u8>> {
    super::seal(manifest)
}

/// Keeps a checkpoint until it is dropped, on a thread of its own: a batch may last however long.
pub struct Keeper {
    stop: Stop,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Keeper {
    /// Begins.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(lease: Arc<Lease>) -> Result<Self> {
        let stop = Stop::default();
        let told = stop.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into());
        let thread = thread.spawn(move || lease.keep(&told))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            // It only ends; what it could not do it has said.
            let _ = thread.join();
        }
    }
}
