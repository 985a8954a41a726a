//! A bound on how much is read for one row, so that a quote that is never closed does not fill the memory.

use std::io::{Error, ErrorKind, Read, Result};

/// No row is longer, in bytes.
const LONGEST: usize = 16 << 20;

/// Hands on what it reads, up to a bound that is set anew for each row.
#[derive(Debug)]
pub struct Leash<R> {
    inner: R,
    left: usize,
}

impl<R> Leash<R> {
    /// Bounds what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, left: LONGEST }
    }

    /// Another row begins.
    pub fn renew(&mut self) {
        self.left = LONGEST;
    }
}

impl<R: Read> Read for Leash<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.left == 0 {
            let reason = "a row has more than 16 MiB: is there a quote that is not closed?";
            return Err(Error::new(ErrorKind::InvalidData, reason));
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}
