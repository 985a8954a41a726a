//! Results in a Delta table: rows are added, or take the place of those with the same keys. The number of the batch is
//! in the same commit (an application transaction), and is compared with the version that is committed on.

use super::{Batch, Sink, Writer};
use crate::clock::Clock;
use crate::delta::columns::{evolved, fit, parted, taking};
use crate::delta::merge::merge;
use crate::delta::table::{Interest, Outcome, Table};
use crate::delta::write::{Files, added, write};
use crate::delta::{ATTEMPTS, overtaken, runtime};
use crate::place::Place;
use crate::record::partition::named;
use crate::record::storable;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::protocol::{DeltaOperation, OutputMode};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// How rows become a table.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The columns by whose values files are parted; of a table that is there, those that it has.
    pub partition_by: Vec<String>,
    /// The columns that say which row another one takes the place of; without any, rows are added.
    pub merge_on: Vec<String>,
    /// Whether columns that the table does not have are added to it.
    pub merge_schema: bool,
    /// How large a file becomes, about, in bytes; without it what the table says.
    pub file_size: Option<u64>,
    /// The table's properties, if it is created.
    pub properties: Vec<(String, String)>,
}

/// Keeps batches in a table.
pub struct DeltaSink {
    runtime: Runtime,
    table: Table,
    options: Options,
    writer: Writer,
    /// The columns of the result.
    columns: SchemaRef,
    written: Option<Written>,
}

/// Data files of a batch that is not committed yet: they stay good when others commit, and when the batch is given again.
struct Written {
    batch: u64,
    /// The columns that they have.
    columns: SchemaRef,
    files: Vec<Add>,
}

impl DeltaSink {
    /// Opens the table at `place` for rows of these columns, and creates it where there is none.
    ///
    /// # Errors
    /// A usage error when the rows do not fit the table, or it asks of its writers what we do not do; when the place
    /// cannot be read or written.
    pub fn open(
        place: Place,
        options: Options,
        columns: &SchemaRef,
        writer: Writer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        named("--partition-by", &options.partition_by, columns)?;
        named("--merge-on", &options.merge_on, columns)?;
        let interest = Interest { app: Some(application(&writer)), files: !options.merge_on.is_empty() };
        let runtime = runtime()?;
        let table = runtime.block_on(open(place, &options, columns, interest, clock))?;
        Ok(Self { runtime, table, options, writer, columns: columns.clone(), written: None })
    }
}

/// A writer as Delta knows it.
fn application(writer: &Writer) -> String {
    format!("{}/{}", writer.query, writer.sink)
}

async fn open(
    place: Place,
    options: &Options,
    columns: &SchemaRef,
    interest: Interest,
    clock: Arc<dyn Clock>,
) -> Result<Table> {
    let found = Table::load(place.clone(), interest.clone(), clock.clone()).await?;
    let table = match found {
        Some(table) => table,
        None => {
            let (columns, properties) = (storable::columns(columns), &options.properties);
            Table::create(place, &columns, &options.partition_by, properties, interest, clock).await?
        }
    };
    table.check(!options.merge_on.is_empty())?;
    taking(&table.columns, columns, options.merge_schema).map_err(|error| error.at(&table.place))?;
    let own = table.partition_columns();
    if !options.partition_by.is_empty() && options.partition_by != own {
        let message = format!("{} is parted by {}", table.place, own.join(", "));
        return Err(Error::usage(message).hint("leave --partition-by out, or name another table"));
    }
    Ok(table)
}

impl Sink for DeltaSink {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let Self { runtime, table, options, writer, columns, written } = self;
        let batch_id = batch.id;
        let kept = runtime.block_on(Keeping { table, options, writer, columns, batch, written }.keep());
        kept.map_err(|error| error.at(format!("cannot write batch {batch_id} to {}", self.table.place)))
    }
}

/// A batch on its way into a table.
struct Keeping<'a> {
    table: &'a mut Table,
    options: &'a Options,
    writer: &'a Writer,
    columns: &'a SchemaRef,
    batch: &'a Batch<'a>,
    written: &'a mut Option<Written>,
}

impl Keeping<'_> {
    /// Commits the batch, unless it is in the table: what was read of that is of the very version that is committed
    /// on, and is read again when somebody else came first, or the answer was lost.
    async fn keep(mut self) -> Result<()> {
        self.table.refresh().await?;
        for _ in 0..ATTEMPTS {
            if self.table.last.is_some_and(|last| self.number() <= last) {
                return Ok(());
            }
            let actions = self.actions().await?;
            if self.table.commit(actions, self.operation()).await? == Outcome::Committed {
                *self.written = None;
                self.table.tidy_up().await;
                return Ok(());
            }
        }
        Err(overtaken())
    }

    /// The number of the batch, as Delta counts.
    fn number(&self) -> i64 {
        i64::try_from(self.batch.id).unwrap_or(i64::MAX)
    }

    /// What is to be committed on the table as it is known.
    async fn actions(&mut self) -> Result<Vec<Action>> {
        let merges = !self.options.merge_on.is_empty();
        self.table.check(merges)?;
        let columns = taking(&self.table.columns, self.columns, self.options.merge_schema)?;
        let mut actions = vec![self.transaction()];
        if columns != self.table.columns {
            actions.push(Action::Metadata(evolved(self.table.metadata(), &columns)?));
        }
        let rows = || self.batch.rows.pieces().map(|rows| self.fit(&columns, &rows?));
        let Options { merge_on, file_size, .. } = self.options;
        if merges {
            let rows = rows().collect::<Result<Vec<_>>>()?;
            actions.extend(merge(self.table, &columns, merge_on, &rows, *file_size).await?);
            return Ok(actions);
        }
        let batch = self.batch.id;
        if !self.written.as_ref().is_some_and(|it| it.batch == batch && it.columns == columns) {
            let files = write(Files::new(self.table, &columns, *file_size), rows()).await?;
            *self.written = Some(Written { batch, columns, files });
        }
        actions.extend(self.written.iter().flat_map(|written| added(written.files.clone())));
        Ok(actions)
    }

    fn fit(&self, columns: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
        parted(fit(columns, rows)?, self.table.partition_columns())
    }

    fn transaction(&self) -> Action {
        let now = self.table.clock.now() / 1_000;
        Action::Txn(Transaction::new_with_last_update(application(self.writer), self.number(), Some(now)))
    }

    fn operation(&self) -> DeltaOperation {
        let output_mode =
            if self.options.merge_on.is_empty() { OutputMode::Append } else { OutputMode::Update };
        DeltaOperation::StreamingUpdate {
            output_mode,
            query_id: self.writer.query.clone(),
            epoch_id: self.number(),
        }
    }
}
