//! An append-only run of bytes: a file, or memory.

use bytes::{Bytes, BytesMut};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

/// Memory is taken in pieces of this many bytes, so that a growing blob never moves.
const CHUNK: usize = 1 << 18;

/// Appended by one writer, read by many.
pub enum Blob {
    /// A file that was opened for appending.
    File(File),
    /// Chunks in memory, each full but the last.
    Memory(RwLock<Vec<Vec<u8>>>),
}

impl Blob {
    /// Opens a file, made if it is not there; without a path, empty memory.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        match path {
            Some(path) => OpenOptions::new().read(true).append(true).create(true).open(path).map(Self::File),
            None => Ok(Self::Memory(RwLock::default())),
        }
    }

    /// Bytes in it.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Memory(chunks) => {
                let chunks = chunks.read().unwrap_or_else(PoisonError::into_inner);
                Ok(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
        }
    }

    /// Writes all `parts` at the end. After an error some of them may be there.
    pub fn append(&self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        match self {
            Self::File(file) => {
                let mut file = file;
                while !parts.is_empty() {
                    match file.write_vectored(parts) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(written) => IoSlice::advance_slices(&mut parts, written),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            Self::Memory(chunks) => {
                let mut chunks = chunks.write().unwrap_or_else(PoisonError::into_inner);
                parts.iter().for_each(|part| extend(&mut chunks, part));
                Ok(())
            }
        }
    }

    /// At most `size` bytes from `position`; fewer only at the end.
    pub fn read(&self, position: u64, size: usize) -> io::Result<Bytes> {
        match self {
            Self::File(file) => {
                let mut bytes = BytesMut::zeroed(size);
                let mut filled = 0;
                while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                    match file.read_at(rest, position + filled as u64) {
                        Ok(0) => break,
                        Ok(read) => filled += read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                bytes.truncate(filled);
                Ok(bytes.freeze())
            }
            Self::Memory(chunks) => {
                let chunks = chunks.read().unwrap_or_else(PoisonError::into_inner);
                Ok(copy(&chunks, position as usize, size))
            }
        }
    }

    /// Cuts it to `size` bytes.
    pub fn truncate(&self, size: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.set_len(size),
            Self::Memory(chunks) => {
                let mut chunks = chunks.write().unwrap_or_else(PoisonError::into_inner);
                let size = size as usize;
                chunks.truncate(size.div_ceil(CHUNK));
                if let Some(last) = chunks.last_mut() {
                    last.truncate(size - (size - 1) / CHUNK * CHUNK);
                }
                Ok(())
            }
        }
    }

    /// Waits until the disk has it.
    pub fn sync(&self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync_data(),
            Self::Memory(_) => Ok(()),
        }
    }
}

fn extend(chunks: &mut Vec<Vec<u8>>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => {
                let (now, later) = bytes.split_at(bytes.len().min(CHUNK - last.len()));
                last.extend_from_slice(now);
                bytes = later;
            }
            None => chunks.push(Vec::new()),
        }
    }
}

fn copy(chunks: &[Vec<u8>], position: usize, size: usize) -> Bytes {
    let mut bytes = BytesMut::new();
    let mut skip = position % CHUNK;
    for chunk in chunks.iter().skip(position / CHUNK) {
        let rest = chunk.get(skip..).unwrap_or_default();
        bytes.extend_from_slice(rest.get(..size - bytes.len()).unwrap_or(rest));
        skip = 0;
        if bytes.len() == size {
            break;
        }
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_behave_alike() {
        let folder = tempfile::tempdir().unwrap();
        for path in [None, Some(folder.path().join("blob"))] {
            let blob = Blob::open(path.as_deref()).unwrap();
            let long = vec![7; CHUNK + 10];
            blob.append(&mut [IoSlice::new(b"abc"), IoSlice::new(&long)]).unwrap();
            assert_eq!(blob.len().unwrap(), CHUNK as u64 + 13);
            assert_eq!(&blob.read(1, 3).unwrap()[..], &[b'b', b'c', 7]);
            assert_eq!(blob.read(CHUNK as u64 - 1, 100).unwrap().len(), 14);
            blob.truncate(2).unwrap();
            blob.append(&mut [IoSlice::new(b"z")]).unwrap();
            assert_eq!(&blob.read(0, 100).unwrap()[..], b"abz");
            blob.truncate(0).unwrap();
            assert_eq!(blob.len().unwrap(), 0);
        }
    }
}
