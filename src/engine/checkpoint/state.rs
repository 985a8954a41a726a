//! State as files: what changed since the last commit as Arrow IPC, in one file by commit, and where all of it
//! stands.
//!
//! What a commit writes follows from what changed. A file of which little is still in use is given up by writing
//! that anew into the file of the next commit, so files take at most about twice what the state takes.

use super::document::{PartRef, State};
use crate::engine::operator::{Part, Snapshot};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::collections::{BTreeMap, BTreeSet};

/// So many bytes that are not in use any more are left alone.
const LITTLE: usize = 1 << 20;

/// The state of all operators, as it stands in files.
#[derive(Debug, Clone, Default)]
pub struct StateFiles {
    /// Of each operator.
    pub operators: Vec<State>,
    /// How long the files are, by number.
    sizes: BTreeMap<u64, usize>,
}

impl StateFiles {
    /// What a commit says of state; `size` says how long a file is.
    pub fn new(operators: Vec<State>, size: impl Fn(u64) -> usize) -> Self {
        let files = operators.iter().flat_map(|state| &state.parts).map(|part| part.file);
        let sizes = files.map(|file| (file, size(file))).collect();
        Self { operators, sizes }
    }

    /// Takes in what changed; gives the file `number` with it, which is empty where nothing changed.
    ///
    /// # Errors
    /// When Arrow refuses rows, which is a fault of an operator; as `read`, which gives a file.
    pub fn change(
        &mut self,
        number: u64,
        snapshots: Vec<Snapshot>,
        read: impl Fn(u64) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.carry(number, &mut bytes, read)?;
        self.operators.resize_with(snapshots.len(), State::default);
        for (state, snapshot) in self.operators.iter_mut().zip(snapshots) {
            state.mark = snapshot.mark;
            let replaced = snapshot.parts.iter().filter(|part| part.replaces).map(|part| part.key);
            let replaced: BTreeSet<i64> = replaced.collect();
            state.parts.retain(|part| !replaced.contains(&part.key));
            for Part { key, rows, .. } in snapshot.parts {
                let start = bytes.len();
                encode(&rows, &mut bytes)?;
                if bytes.len() > start {
                    let crc = crc32c::crc32c(&bytes[start..]);
                    state.parts.push(PartRef { key, file: number, bytes: start..bytes.len(), crc });
                }
            }
        }
        self.sizes.insert(number, bytes.len());
        let used = self.used();
        self.sizes.retain(|file, _| used.contains_key(file));
        Ok(bytes)
    }

    /// Writes what is in use of the oldest file anew, where most of what files hold is not in use.
    fn carry(
        &mut self,
        number: u64,
        bytes: &mut Vec<u8>,
        read: impl Fn(u64) -> Result<Vec<u8>>,
    ) -> Result<()> {
        let (used, all) = (self.used().values().sum::<usize>(), self.sizes.values().sum::<usize>());
        let Some(oldest) = self.sizes.keys().next().copied().filter(|_| all > 2 * used + LITTLE) else {
            return Ok(());
        };
        let file = read(oldest)?;
        for part in self.operators.iter_mut().flat_map(|state| &mut state.parts) {
            if part.file == oldest {
                let start = bytes.len();
                bytes.extend_from_slice(checked(part, &file)?);
                (part.file, part.bytes) = (number, start..bytes.len());
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

    /// How long all files together are that hold state, in bytes.
    pub fn size(&self) -> usize {
        self.sizes.values().sum()
    }

    /// The state of each operator, out of its files.
    ///
    /// # Errors
    /// When a file is not as it was written.
    pub fn load(&self, files: &BTreeMap<u64, Vec<u8>>) -> Result<Vec<Snapshot>> {
        let part = |part: &PartRef| {
            let file = files.get(&part.file).map_or(&[][..], Vec::as_slice);
            let rows = decode(checked(part, file)?)?;
            Ok(Part { key: part.key, replaces: false, rows })
        };
        let snapshot = |state: &State| {
            let parts = state.parts.iter().map(part).collect::<Result<_>>()?;
            Ok(Snapshot { mark: state.mark, parts })
        };
        self.operators.iter().map(snapshot).collect()
    }
}

/// The bytes of a part in its file.
fn checked<'a>(part: &PartRef, file: &'a [u8]) -> Result<&'a [u8]> {
    let bytes = file.get(part.bytes.clone()).filter(|bytes| crc32c::crc32c(bytes) == part.crc);
    bytes.ok_or_else(|| Error::failed("the state is not as it was written: its checksum differs"))
}

/// Appends rows as an Arrow stream; nothing where there are none.
pub fn encode(rows: &[RecordBatch], bytes: &mut Vec<u8>) -> Result<()> {
    let Some(first) = rows.iter().find(|rows| rows.num_rows() > 0) else { return Ok(()) };
    let mut writer = StreamWriter::try_new(bytes, &first.schema())?;
    rows.iter().try_for_each(|rows| writer.write(rows))?;
    Ok(writer.finish()?)
}

/// The rows of an Arrow stream.
pub fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(bytes, None)?.collect::<std::result::Result<_, _>>()?)
}
