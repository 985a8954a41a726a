//! A table as a writer knows it: what it is at one version, and how it comes to the next.

use super::{log, protocol, wrong};
use crate::clock::{Clock, Micros};
use crate::place::{Place, is_absent, of_store};
use crate::{Error, Result, failpoint};
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::checkpoints::cleanup_expired_logs_for;
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake::kernel::transaction::{CommitData, TransactionError};
use deltalake::kernel::{
    Action, Add, LogicalFileView, Metadata, Protocol, Remove, Snapshot, StructType, Transaction, Version,
};
use deltalake::logstore::object_store::ObjectStoreExt;
use deltalake::logstore::{CommitOrBytes, LogStoreRef, get_actions};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::DeltaOperation;
use deltalake::table::config::TablePropertiesExt;
use deltalake::{DeltaTableError, Path as StorePath};
use futures::TryStreamExt;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// After so long without a look, in microseconds, the log is read anew: what came in between may be cleaned up.
const STALE: Micros = 3_600_000_000;

/// A table that we create gets a checkpoint after so many commits, as one of Spark: whoever reads the log takes 3 MB for each
/// commit behind the last one.
const CHECKPOINTS: [&str; 2] = ["delta.checkpointInterval", "10"];

/// What a writer wants to know of a table besides its columns.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    /// The application whose last transaction is followed.
    pub app: Option<String>,
    /// Whether the files are followed.
    pub files: bool,
}

/// A table at one version.
pub struct Table {
    /// Where it is.
    pub place: Place,
    /// The version.
    pub version: Version,
    /// Its columns, those of the partitions among them.
    pub columns: SchemaRef,
    /// The version of the application's last transaction.
    pub last: Option<i64>,
    /// The files, by path; none where they are not followed.
    pub files: BTreeMap<String, Add>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    log: LogStoreRef,
    metadata: Metadata,
    protocol: Protocol,
    interest: Interest,
    /// When it was the newest version for certain.
    looked: Micros,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the table's newest version.
    Committed,
    /// Something was committed first, perhaps by this very commit: the table is at the newest version now.
    Overtaken,
}

impl Table {
    /// Loads the newest version; none where there is no table.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn load(place: Place, interest: Interest, clock: Arc<dyn Clock>) -> Result<Option<Self>> {
        if place.is_absent() {
            return Ok(None);
        }
        let log = log(&place);
        let snapshot = match Snapshot::try_new(log.as_ref(), None).await {
            Err(DeltaTableError::NotATable(_)) => return Ok(None),
            snapshot => snapshot.map_err(wrong)?,
        };
        let last = match &interest.app {
            Some(app) => transaction(&snapshot, &log, app).await?,
            None => None,
        };
        let files = if interest.files { files(&snapshot, &log).await? } else { BTreeMap::new() };
        let (metadata, protocol) = (snapshot.metadata().clone(), snapshot.protocol().clone());
        let (columns, looked, version) = (columns(&metadata)?, clock.now(), snapshot.version());
        Ok(Some(Self {
            place,
            version,
            columns,
            last,
            files,
            clock,
            log,
            metadata,
            protocol,
            interest,
            looked,
        }))
    }

    /// Loads a table that has to be there.
    ///
    /// # Errors
    /// A usage error when it is not; when its log cannot be read.
    pub async fn existing(place: Place, interest: Interest, clock: Arc<dyn Clock>) -> Result<Self> {
        let shown = place.to_string();
        let table = Self::load(place, interest, clock).await?;
        table.ok_or_else(|| Error::usage(format!("{shown} is no Delta table")))
    }

    /// Creates a table in a commit of its own, or takes the one that somebody else created at that moment.
    ///
    /// # Errors
    /// When the place cannot be written, or a column has no type in Delta.
    pub async fn create(
        place: Place,
        columns: &Schema,
        partition_by: &[String],
        properties: &[(String, String)],
        interest: Interest,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let schema: StructType =
            columns.try_into_kernel().map_err(|error| Error::usage(error.to_string()))?;
        let [name, value] = CHECKPOINTS.map(String::from);
        let given = properties.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let properties = std::iter::once((name, Some(value))).chain(given);
        let created = CreateBuilder::new()
            .with_log_store(log(&place))
            .with_columns(schema.fields().cloned())
            .with_partition_columns(partition_by)
            .with_configuration(properties)
            .await;
        match (Self::load(place.clone(), interest, clock).await?, created) {
            (Some(table), _) => {
                place.settle([log_path(table.version).as_ref()].into_iter())?;
                Ok(table)
            }
            (None, Err(error)) => Err(wrong(error).at(place)),
            (None, Ok(_)) => Err(Error::failed(format!("{place} was created, and is gone"))),
        }
    }

    /// The columns whose values are in paths and not in files.
    pub fn partition_columns(&self) -> &[String] {
        self.metadata.partition_columns()
    }

    /// The table's description of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Sees to it that what we write is right for the table; `removes` says whether rows are taken away too.
    ///
    /// # Errors
    /// A usage error with what the table asks of its writers and we do not do.
    pub fn check(&self, removes: bool) -> Result<()> {
        protocol::check(&self.protocol, &self.metadata, removes).map_err(|error| error.at(&self.place))
    }

    /// The file at a path, as bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, path: &StorePath) -> Result<bytes::Bytes> {
        let got = self.log.object_store(None).get(path).await.map_err(wrong)?;
        got.bytes().await.map_err(wrong)
    }

    /// What holds the files.
    pub fn store(&self) -> deltalake::logstore::ObjectStoreRef {
        self.log.object_store(None)
    }

    /// Goes on to the newest version, commit by commit, and says whether there was one.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn follow(&mut self) -> Result<bool> {
        let before = self.version;
        while let Some(bytes) = self.log.read_commit_entry(self.version + 1).await.map_err(wrong)? {
            self.apply(get_actions(self.version + 1, &bytes).map_err(wrong)?)?;
        }
        self.looked = self.clock.now();
        Ok(self.version > before)
    }

    /// Reads the log anew where it was not looked at for long.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn refresh(&mut self) -> Result<()> {
        if self.clock.now() - self.looked >= STALE { self.reload().await } else { Ok(()) }
    }

    async fn reload(&mut self) -> Result<()> {
        let loaded = Self::load(self.place.clone(), self.interest.clone(), self.clock.clone()).await?;
        *self = loaded.ok_or_else(|| {
            let message = format!("the table {} is not there any more", self.place);
            Error::failed(message).hint("start again: it is made anew")
        })?;
        Ok(())
    }

    /// Whether the version that is known is in the log. It is not where somebody deleted the table, or made it anew: what
    /// was committed behind it would be in no table.
    async fn is_there(&self) -> Result<bool> {
        match self.store().head(&log_path(self.version)).await {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(of_store(&error)),
        }
    }

    /// Commits as the version behind the one that is known. Nobody else can have committed in between: then it is
    /// overtaken, and whoever calls looks again at what the table is now.
    ///
    /// # Errors
    /// When it cannot be told what became of it.
    pub async fn commit(&mut self, actions: Vec<Action>, operation: DeltaOperation) -> Result<Outcome> {
        if !self.is_there().await? {
            self.reload().await?;
            return Ok(Outcome::Overtaken);
        }
        let data = CommitData::new(actions, operation, HashMap::new(), vec![]);
        let bytes = CommitOrBytes::LogBytes(data.get_bytes().map_err(wrong)?);
        let version = self.version + 1;
        failpoint::pass("delta commit");
        match self.log.write_commit_entry(version, bytes, uuid::Uuid::new_v4()).await {
            Ok(()) => {
                failpoint::pass("delta committed");
                self.place.settle([log_path(version).as_ref()].into_iter())?;
                self.apply(data.actions)?;
                self.looked = self.clock.now();
                Ok(Outcome::Committed)
            }
            Err(error) => self.lost(error).await,
        }
    }

    /// An answer that says nothing of what became of the commit: the log says it.
    async fn lost(&mut self, error: TransactionError) -> Result<Outcome> {
        match (self.follow().await, error) {
            (Ok(true), _) => Ok(Outcome::Overtaken),
            (Err(unread), TransactionError::VersionAlreadyExists(_)) => Err(unread),
            (_, error) => Err(wrong(error)),
        }
    }

    fn apply(&mut self, actions: Vec<Action>) -> Result<()> {
        self.version += 1;
        for action in actions {
            match action {
                Action::Metadata(metadata) => {
                    self.columns = columns(&metadata)?;
                    self.metadata = metadata;
                }
                Action::Protocol(protocol) => self.protocol = protocol,
                Action::Txn(Transaction { app_id, version, .. })
                    if Some(&app_id) == self.interest.app.as_ref() =>
                {
                    self.last = Some(version);
                }
                Action::Add(add) if self.interest.files => drop(self.files.insert(add.path.clone(), add)),
                Action::Remove(remove) => drop(self.files.remove(&remove.path)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a checkpoint where one is due, and removes what the log need not keep. The commit stands whatever comes
    /// of it.
    pub async fn tidy_up(&self) {
        let properties = self.metadata.parse_table_properties();
        if !(self.version + 1).is_multiple_of(properties.checkpoint_interval().get()) {
            return;
        }
        let keep = properties.log_retention_duration();
        let cleans = properties.enable_expired_log_cleanup();
        if let Err(error) = self.checkpoint(cleans.then_some(keep)).await {
            tracing::warn!("{}: no checkpoint of version {}: {error}", self.place, self.version);
        }
    }

    /// Writes a checkpoint, and removes what is older than `keep` and not needed behind it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn checkpoint(&self, keep: Option<std::time::Duration>) -> Result<()> {
        let snapshot = Snapshot::try_new(self.log.as_ref(), Some(self.version)).await.map_err(wrong)?;
        let scan = snapshot.scan_builder().build().map_err(wrong)?;
        let (snapshot, engine) = (scan.snapshot().clone(), self.log.engine(None));
        let written =
            tokio::task::spawn_blocking(move || snapshot.checkpoint(engine.as_ref(), None).map(drop));
        written.await.map_err(|error| Error::failed(error.to_string()))?.map_err(wrong)?;
        if let Some(keep) = keep {
            let before = self.clock.now() / 1_000 - keep.as_millis() as i64;
            cleanup_expired_logs_for(self.version, self.log.as_ref(), before, None).await.map_err(wrong)?;
        }
        Ok(())
    }

    /// Takes a file away.
    pub fn remove(&self, add: &Add, data_change: bool) -> Action {
        Action::Remove(Remove {
            path: add.path.clone(),
            data_change,
            deletion_timestamp: Some(self.clock.now() / 1_000),
            extended_file_metadata: Some(true),
            partition_values: Some(add.partition_values.clone()),
            size: Some(add.size),
            ..Remove::default()
        })
    }
}

/// The file of a version.
fn log_path(version: Version) -> StorePath {
    StorePath::from(format!("_delta_log/{version:020}.json"))
}

fn columns(metadata: &Metadata) -> Result<SchemaRef> {
    let schema = metadata.parse_schema().map_err(wrong)?;
    let columns: Schema = (&schema).try_into_arrow()?;
    Ok(Arc::new(columns))
}

/// The version of an application's last transaction.
async fn transaction(snapshot: &Snapshot, log: &LogStoreRef, app: &str) -> Result<Option<i64>> {
    let scan = snapshot.scan_builder().build().map_err(wrong)?;
    let (snapshot, engine, app) = (scan.snapshot().clone(), log.engine(None), app.to_string());
    let found = tokio::task::spawn_blocking(move || snapshot.get_app_id_version(&app, engine.as_ref()));
    found.await.map_err(|error| Error::failed(error.to_string()))?.map_err(wrong)
}

async fn files(snapshot: &Snapshot, log: &LogStoreRef) -> Result<BTreeMap<String, Add>> {
    let views = snapshot.file_views(log.as_ref(), None);
    let adds = views.map_ok(|view: LogicalFileView| {
        let add = Add {
            path: view.path().to_string(),
            partition_values: view.partition_values_map(),
            size: view.size(),
            modification_time: view.modification_time(),
            data_change: true,
            stats: view.stats(),
            deletion_vector: view.deletion_vector_descriptor(),
            ..Add::default()
        };
        (add.path.clone(), add)
    });
    adds.try_collect().await.map_err(wrong)
}
