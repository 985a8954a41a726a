//! An object that appears whole or not at all, and of which no more than a few parts are in memory.

use super::{PART, of_store};
use crate::{Error, Result};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::io::{self, Write};
use tokio::runtime::Runtime;

/// So many parts may be on their way besides the one that is filled.
const UNDER_WAY: usize = 2;

/// An object in the making: there when [`NewObject::make`] returns.
pub struct NewObject<'a> {
    store: &'a dyn ObjectStore,
    runtime: &'a Runtime,
    path: &'a Path,
    /// What is there before the first part is full: many objects are smaller, and need one request.
    head: Vec<u8>,
    parts: Option<WriteMultipart>,
    length: u64,
    /// What the store said.
    failed: Option<Error>,
}

impl<'a> NewObject<'a> {
    /// Makes an object of what `fill` writes; gives how long it is, in bytes.
    ///
    /// # Errors
    /// When the store does not take it; what `fill` says. Then there is none.
    pub fn make(
        store: &'a dyn ObjectStore,
        runtime: &'a Runtime,
        path: &'a Path,
        fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>,
    ) -> Result<u64> {
        let mut new = Self { store, runtime, path, head: vec![], parts: None, length: 0, failed: None };
        match fill(&mut new) {
            Ok(()) => new.finish(),
            Err(error) => Err(new.give_up(error)),
        }
    }

    fn finish(self) -> Result<u64> {
        let Self { store, runtime, path, head, parts, length, .. } = self;
        let done = runtime.block_on(async {
            match parts {
                Some(parts) => parts.finish().await.map(drop),
                None => store.put(path, head.into()).await.map(drop),
            }
        });
        done.map(|()| length).map_err(|error| of_store(&error))
    }

    /// Why there is no object: what the store said, rather than what became of that on its way.
    fn give_up(self, error: Error) -> Error {
        if let Some(parts) = self.parts
            && let Err(error) = self.runtime.block_on(parts.abort())
        {
            tracing::debug!("parts of {} are left: {error}", self.path);
        }
        self.failed.unwrap_or(error)
    }

    async fn take(&mut self, bytes: &[u8]) -> object_store::Result<()> {
        if self.parts.is_none() && self.head.len() + bytes.len() > PART {
            let upload = self.store.put_multipart(self.path).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
            parts.put(std::mem::take(&mut self.head).into());
            self.parts = Some(parts);
        }
        match &mut self.parts {
            None => self.head.extend_from_slice(bytes),
            Some(parts) => {
                for bytes in bytes.chunks(PART) {
                    parts.wait_for_capacity(UNDER_WAY).await?;
                    parts.write(bytes);
                }
            }
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

impl Write for NewObject<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let runtime = self.runtime;
        match runtime.block_on(self.take(bytes)) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                let told = of_store(&error);
                let text = told.to_string();
                self.failed = Some(told);
                Err(io::Error::other(text))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
