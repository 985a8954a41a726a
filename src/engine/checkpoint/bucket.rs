//! What a checkpoint asks of a bucket.

use crate::place::{NewObject, Place, is_absent, of_store, runtime};
use crate::{Error, Result};
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use std::io::Write;
use std::ops::Range;
use tokio::runtime::Runtime;

/// Objects by name, directly under a prefix.
pub struct Bucket {
    place: Place,
    runtime: Runtime,
}

impl Bucket {
    /// The objects at a place.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new(place: Place) -> Result<Self> {
        Ok(Self { place, runtime: runtime()? })
    }

    /// Where they are.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What an object holds, and which version of it that is; `None` where there is none of this name.
    ///
    /// # Errors
    /// When the store does not give it.
    pub fn get(&self, name: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let got: object_store::Result<_> = self.runtime.block_on(async {
            let found = self.store().get(&self.path(name)).await?;
            let version =
                UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            Ok((found.bytes().await?.to_vec(), version))
        });
        match got {
            Err(error) if is_absent(&error) => Ok(None),
            got => got.map(Some).map_err(|error| self.wrong(&error)),
        }
    }

    /// Some bytes of an object, as many as there are of them; `None` where there is none of this name.
    ///
    /// # Errors
    /// When the store does not give them.
    pub fn get_range(&self, name: &str, bytes: Range<usize>) -> Result<Option<Vec<u8>>> {
        if bytes.is_empty() {
            return Ok(Some(vec![]));
        }
        let bytes = bytes.start as u64..bytes.end as u64;
        match self.runtime.block_on(self.store().get_range(&self.path(name), bytes)) {
            Ok(got) => Ok(Some(got.to_vec())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.wrong(&error)),
        }
    }

    /// Makes an object of what `fill` writes; gives how many bytes that are.
    ///
    /// # Errors
    /// When the store does not take it; what `fill` says. Then there is none.
    pub fn put(&self, name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<u64> {
        let path = self.path(name);
        NewObject::make(self.store(), &self.runtime, &path, fill).map_err(|error| error.at(&self.place))
    }

    /// Puts an object in the place of the version that was seen, or where none was; gives its version, and `None` where
    /// something else is there.
    ///
    /// # Errors
    /// When it is not known what became of it.
    pub fn replace(
        &self,
        name: &str,
        bytes: Vec<u8>,
        seen: Option<&UpdateVersion>,
    ) -> Result<Option<UpdateVersion>> {
        let mode = seen.map_or(PutMode::Create, |version| PutMode::Update(version.clone()));
        let path = self.path(name);
        let put = self.store().put_opts(&path, PutPayload::from(bytes), mode.into());
        match self.runtime.block_on(put) {
            Ok(put) => Ok(Some(UpdateVersion { e_tag: put.e_tag, version: put.version })),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.wrong(&error)),
        }
    }

    /// Deletes objects, as far as they are there.
    ///
    /// # Errors
    /// When the store does not delete them.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        let paths: Vec<_> = names.iter().map(|name| Ok(self.path(name))).collect();
        let deleted = self.store().delete_stream(stream::iter(paths).boxed()).collect::<Vec<_>>();
        let mut failed = self.runtime.block_on(deleted).into_iter().filter_map(|deleted| deleted.err());
        failed.find(|error| !is_absent(error)).map_or(Ok(()), |error| Err(self.wrong(&error)))
    }

    /// The names of all objects, and of what has objects below it.
    ///
    /// # Errors
    /// When the store does not list them.
    pub fn names(&self) -> Result<(Vec<String>, Vec<String>)> {
        let found = self.runtime.block_on(self.store().list_with_delimiter(Some(self.place.prefix())));
        let found = found.map_err(|error| self.wrong(&error))?;
        let name = |path: &Path| path.filename().map(String::from);
        let objects = found.objects.iter().filter_map(|object| name(&object.location)).collect();
        Ok((objects, found.common_prefixes.iter().filter_map(name).collect()))
    }

    /// Sees to it that the store keeps the conditions of writes, with objects whose names begin like this.
    ///
    /// # Errors
    /// A usage error where it does not; when it does not answer.
    pub fn probe(&self, name: &str) -> Result<()> {
        // An answer that was lost, and a request that was repeated for it, look like a condition that was not kept.
        for again in 0..2 {
            let name = format!("{name}-{again}");
            let kept = self.keeps_conditions(&name);
            self.delete(&[name])?;
            if kept? {
                return Ok(());
            }
        }
        let message = format!("the store of {} does not keep the conditions of writes", self.place);
        Err(Error::usage(message).hint(
            "without If-None-Match and If-Match two owners could not be told apart: keep the checkpoint in a folder, \
             or in a store that has them",
        ))
    }

    fn keeps_conditions(&self, name: &str) -> Result<bool> {
        let put = |text: &str, seen: Option<&UpdateVersion>| self.replace(name, text.into(), seen);
        let Some(first) = put("made", None)? else { return Ok(false) };
        let made_again = put("made again", None)?.is_some();
        let replaced = put("replaced", Some(&first))?.is_some();
        let replaced_again = put("replaced again", Some(&first))?.is_some();
        Ok(!made_again && replaced && !replaced_again)
    }

    fn store(&self) -> &dyn ObjectStore {
        self.place.store().as_ref()
    }

    fn path(&self, name: &str) -> Path {
        self.place.prefix().clone().join(name)
    }

    fn wrong(&self, error: &StoreError) -> Error {
        of_store(error).at(&self.place)
    }
}
