//! State as files: what changed since the last commit as Arrow IPC, in one file by commit, and where all of it
//! stands.
//!
//! What a commit writes follows from what changed. A file of which little is still in use is given up by writing
//! that anew into the file of the next commit, so files take at most about twice what the state takes.

use super::document::{PartRef, State};
use super::{Store, read_state, state_file};
use crate::engine::ipc::{decode, encode};
use crate::engine::operator::{Part, Snapshot, Stored};
use crate::error::Fault;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// So many bytes that are not in use any more are left alone.
const LITTLE: usize = 1 << 20;

/// So many bytes of state are read once where they are checked and loaded; of more, the rest is read twice.
const CHECKED: usize = 64 << 20;

/// The state of all operators, as it stands in files.
#[derive(Debug, Clone, Default)]
pub struct StateFiles {
    /// Of each operator.
    pub operators: Vec<State>,
    /// How long the files are, by number.
    sizes: BTreeMap<u64, usize>,
}

/// What was read of state to check it, and is loaded next: as much of it as memory is for.
#[derive(Debug, Default)]
pub struct Checked {
    parts: HashMap<(u64, usize), Vec<u8>>,
    bytes: usize,
}

impl Checked {
    fn keep(&mut self, part: &PartRef, bytes: Vec<u8>) {
        if self.bytes + bytes.len() <= CHECKED {
            self.bytes += bytes.len();
            self.parts.insert((part.file, part.bytes.start), bytes);
        }
    }

    fn take(&mut self, part: &PartRef) -> Option<Vec<u8>> {
        self.parts.remove(&(part.file, part.bytes.start))
    }
}

impl StateFiles {
    /// What a commit says of state, and what of it was read.
    ///
    /// # Errors
    /// When a file is not as it was written, or the store fails.
    pub fn of(operators: Vec<State>, store: &dyn Store) -> Result<(Self, Checked)> {
        let (mut sizes, mut checked) = (BTreeMap::new(), Checked::default());
        for part in operators.iter().flat_map(|state| &state.parts) {
            checked.keep(part, read_part(part, store)?);
            if let Entry::Vacant(size) = sizes.entry(part.file) {
                size.insert(store.length(&state_file(part.file))?.unwrap_or_default());
            }
        }
        Ok((Self { operators, sizes }, checked))
    }

    /// Takes in what changed, and writes it to `out`, the file `number`; rows that are not in memory part by part.
    ///
    /// # Errors
    /// When Arrow refuses rows, which is a fault of an operator; when `out` does not take them; as `read`, which gives
    /// some bytes of a file.
    pub fn change(
        &mut self,
        number: u64,
        snapshots: &[Snapshot],
        read: impl Fn(u64, Range<usize>) -> Result<Vec<u8>>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut end = 0;
        self.carry(number, &mut end, read, out)?;
        self.operators.resize_with(snapshots.len(), State::default);
        let mut bytes = Vec::new();
        for (state, snapshot) in self.operators.iter_mut().zip(snapshots) {
            state.mark = snapshot.mark;
            let replaced = snapshot.parts.iter().filter(|part| part.replaces).map(|part| part.key);
            let replaced: BTreeSet<i64> = replaced.collect();
            state.parts.retain(|part| !replaced.contains(&part.key));
            for part in &snapshot.parts {
                let key = part.key;
                bytes.clear();
                encode(&part.clone().load()?, &mut bytes)?;
                if !bytes.is_empty() {
                    out.write_all(&bytes)?;
                    let crc = crc32c::crc32c(&bytes);
                    state.parts.push(PartRef { key, file: number, bytes: end..end + bytes.len(), crc });
                    end += bytes.len();
                }
            }
        }
        self.sizes.insert(number, end);
        let used = self.used();
        self.sizes.retain(|file, _| used.contains_key(file));
        Ok(())
    }

    /// Whether there is anything to write.
    pub fn has_to_write(&self, snapshots: &[Snapshot]) -> bool {
        let mut parts = snapshots.iter().flat_map(|snapshot| &snapshot.parts);
        self.due().is_some() || parts.any(|part| !part.is_empty())
    }

    /// The oldest file, where most of what files hold is not in use.
    fn due(&self) -> Option<u64> {
        let (used, all) = (self.used().values().sum::<usize>(), self.sizes.values().sum::<usize>());
        self.sizes.keys().next().copied().filter(|_| all > 2 * used + LITTLE)
    }

    /// Writes what is in use of the oldest file anew, where that is due.
    fn carry(
        &mut self,
        number: u64,
        end: &mut usize,
        read: impl Fn(u64, Range<usize>) -> Result<Vec<u8>>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let Some(oldest) = self.due() else { return Ok(()) };
        for part in self.operators.iter_mut().flat_map(|state| &mut state.parts) {
            if part.file == oldest {
                let bytes = read(oldest, part.bytes.clone())?;
                out.write_all(checked(part, &bytes)?)?;
                (part.file, part.bytes) = (number, *end..*end + bytes.len());
                *end += bytes.len();
            }
        }
        Ok(())
    }

    /// How many bytes are in use, by file.
    fn used(&self) -> BTreeMap<u64, usize> {
        let mut used = BTreeMap::new();
        for part in self.operators.iter().flat_map(|state| &state.parts) {
            *used.entry(part.file).or_default() += part.bytes.len();
        }
        used
    }

    /// The state of each operator, whose parts are read out of their files when they are asked for, but for those that
    /// were.
    pub fn snapshots(&self, store: &Arc<dyn Store>, mut checked: Checked) -> Vec<Snapshot> {
        let mut part = |part: &PartRef| {
            let bytes = checked.take(part);
            Part::stored(part.key, Arc::new(InStore { store: store.clone(), part: part.clone(), bytes }))
        };
        let mut snapshot = |state: &State| {
            let parts = state.parts.iter().map(&mut part).collect();
            Snapshot { mark: state.mark, parts }
        };
        self.operators.iter().map(&mut snapshot).collect()
    }
}

/// A part of state in a file of a checkpoint.
struct InStore {
    store: Arc<dyn Store>,
    part: PartRef,
    /// What was read already.
    bytes: Option<Vec<u8>>,
}

impl fmt::Debug for InStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
    }
}

impl Stored for InStore {
    fn load(&self) -> Result<Vec<RecordBatch>> {
        match &self.bytes {
            Some(bytes) => decode(bytes),
            None => decode(&read_part(&self.part, self.store.as_ref())?),
        }
    }
}

fn read_part(part: &PartRef, store: &dyn Store) -> Result<Vec<u8>> {
    let bytes = read_state(store, part.file, part.bytes.clone())?;
    checked(part, &bytes)?;
    Ok(bytes)
}

/// The bytes of a part, if they are as they were written.
fn checked<'a>(part: &PartRef, bytes: &'a [u8]) -> Result<&'a [u8]> {
    if bytes.len() == part.bytes.len() && crc32c::crc32c(bytes) == part.crc {
        return Ok(bytes);
    }
    Err(Error::new(Fault::Check, "the state is not as it was written: its checksum differs"))
}
