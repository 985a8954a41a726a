//! Data files: Parquet with zstd and statistics, a file or more for each partition.

use super::stats;
use super::table::Table;
use crate::Result;
use crate::place::{in_store, of_store, upload};
use crate::record::partition::{Part, slices, split};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::{Action, Add};
use deltalake::logstore::object_store::ObjectStoreExt;
use deltalake::table::config::TablePropertiesExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Files in the making. They are in the table when their actions are committed; what is not is found by a vacuum.
pub struct Files<'a> {
    table: &'a Table,
    /// The columns of the files: without those of the partitions.
    columns: SchemaRef,
    size: u64,
    /// By folder.
    open: BTreeMap<String, Open>,
    done: Vec<Add>,
}

/// A file that takes rows.
struct Open {
    values: Vec<Option<String>>,
    packer: ArrowWriter<Vec<u8>>,
}

impl<'a> Files<'a> {
    /// Begins files of a table, which then has the columns `columns`, of about `size` bytes or what the table says.
    pub fn new(table: &'a Table, columns: &SchemaRef, size: Option<u64>) -> Self {
        let own = table.metadata().parse_table_properties().target_file_size().get();
        let in_files = |name: &String| !table.partition_columns().contains(name);
        let fields = columns.fields().iter().filter(|field| in_files(field.name())).cloned();
        let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { table, columns, size: size.unwrap_or(own).max(1), open: BTreeMap::new(), done: vec![] }
    }

    /// Takes rows in the columns of the table.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        for (folder, part) in split(self.table.partition_columns(), [rows])? {
            for rows in part.rows.iter().flat_map(slices) {
                self.add(&folder, &part, &rows).await?;
            }
        }
        Ok(())
    }

    /// Takes all of these rows.
    ///
    /// # Errors
    /// As [`Self::write`]; where `rows` fail.
    pub async fn write_all(&mut self, rows: impl Iterator<Item = Result<RecordBatch>>) -> Result<()> {
        for rows in rows {
            self.write(&rows?).await?;
        }
        Ok(())
    }

    async fn add(&mut self, folder: &str, part: &Part, rows: &RecordBatch) -> Result<()> {
        let mut open = match self.open.remove(folder) {
            Some(open) => open,
            None => self.begin(part)?,
        };
        open.packer.write(rows)?;
        let length = open.packer.bytes_written() + open.packer.in_progress_size();
        if length as u64 >= self.size {
            return self.put(folder, open).await;
        }
        self.open.insert(folder.into(), open);
        Ok(())
    }

    fn begin(&self, part: &Part) -> Result<Open> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let how = WriterProperties::builder().set_compression(zstd).build();
        let packer = ArrowWriter::try_new(Vec::new(), self.columns.clone(), Some(how))?;
        Ok(Open { values: part.values.clone(), packer })
    }

    /// Writes the files out, if all rows came; `came` says that. Otherwise, and where that fails, those that are there are
    /// deleted: on a disk that is full they would be in the way of the next attempt.
    ///
    /// # Errors
    /// That of `came`; as [`Self::write`].
    pub async fn close<T>(mut self, came: Result<T>) -> Result<(T, Vec<Add>)> {
        let closed = match came {
            Ok(value) => self.finish().await.map(|()| value),
            Err(error) => Err(error),
        };
        if closed.is_err() {
            self.delete().await;
        }
        closed.map(|value| (value, self.done))
    }

    async fn finish(&mut self) -> Result<()> {
        for (folder, open) in std::mem::take(&mut self.open) {
            self.put(&folder, open).await?;
        }
        self.table.place.settle(self.done.iter().map(|add| add.path.as_str()))
    }

    async fn delete(&self) {
        let store = self.table.store();
        for add in &self.done {
            if let Err(error) = store.delete(&in_store(&add.path)).await {
                tracing::debug!("{} stays until a vacuum: {error}", add.path);
            }
        }
    }

    /// Gives a file to the store.
    async fn put(&mut self, folder: &str, mut open: Open) -> Result<()> {
        let file = open.packer.finish()?;
        let bytes = std::mem::take(open.packer.inner_mut());
        let name = format!("part-{}.zstd.parquet", uuid::Uuid::new_v4());
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let names = self.table.partition_columns().iter().cloned();
        let add = Add {
            size: bytes.len() as i64,
            partition_values: names.zip(open.values).collect::<HashMap<_, _>>(),
            modification_time: self.table.clock.now() / 1_000,
            data_change: true,
            stats: Some(stats::of(&file, &self.columns, self.table.metadata())?),
            path,
            ..Add::default()
        };
        let store = self.table.store();
        let put = upload(store.as_ref(), &in_store(&add.path), bytes).await;
        put.map_err(|error| of_store(&error))?;
        self.done.push(add);
        Ok(())
    }
}

/// Writes rows into files.
///
/// # Errors
/// As [`Files::write`]; where `rows` fail.
pub async fn write(
    mut files: Files<'_>,
    rows: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<Vec<Add>> {
    let came = files.write_all(rows).await;
    files.close(came).await.map(|((), adds)| adds)
}

/// Adds files to a table.
pub fn added(adds: Vec<Add>) -> impl Iterator<Item = Action> {
    adds.into_iter().map(Action::Add)
}
