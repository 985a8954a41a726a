//! Batches for a command: each one on the standard input of a run of its own. At least once, with the same number and
//! the same bytes each time: rows are in an order of their own, as partitions are read in another one when a batch runs
//! again. (Not where state was on the disk: then they need not be in memory at once.) Standard input is
//! a file, so that a command never takes the beginning of a batch for all of it, as it might where whoever writes into a
//! pipe is killed.

use super::{Batch, Rows, Sink, Writer, lines};
use crate::record::zone;
use crate::{Error, Result, shell};
use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use arrow::row::{RowConverter, SortField};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;

/// So many of a command's last lines are shown when it fails.
const LINES: usize = 5;

/// The exit code by which a command says that it may go well later (EX_TEMPFAIL of sysexits.h).
const LATER: i32 = 75;

/// The forms of a batch on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// A stream of Arrow IPC; instants are in UTC.
    Arrow,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
        }
    }
}

/// Runs a command for each batch that has rows.
pub struct Exec {
    command: String,
    form: Form,
    writer: Writer,
}

impl Exec {
    /// Runs this line of the shell.
    pub fn new(command: String, form: Form, writer: Writer) -> Self {
        Self { command, form, writer }
    }

    /// A file without a name that holds the batch.
    fn input(&self, batch: &Batch<'_>) -> Result<File> {
        let ordered = [ordered(&batch.columns, batch.rows.held())?];
        let rows = if let Rows::Held(_) = batch.rows { Rows::Held(&ordered) } else { batch.rows };
        let mut file = tempfile::tempfile()?;
        match self.form {
            Form::Ndjson => {
                for rows in rows.slices() {
                    file.write_all(&lines::ndjson(&[rows?])?)?;
                }
            }
            Form::Arrow => write_arrow(BufWriter::new(&file), &batch.columns, rows)?,
        }
        file.rewind()?;
        Ok(file)
    }

    fn start(&self, batch: &Batch<'_>, input: File) -> Result<Child> {
        let mut command = shell::command(&self.command, input);
        command
            .env("ECAP_BATCH", batch.id.to_string())
            .env("ECAP_QUERY", &self.writer.query)
            .env("ECAP_SINK", &self.writer.sink)
            .env("ECAP_FORMAT", self.form.name())
            .stderr(Stdio::piped());
        command.spawn().map_err(|error| Error::from(error).at("cannot start the command"))
    }
}

impl Sink for Exec {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let input = self.input(batch).map_err(|error| error.at("cannot keep the batch for the command"))?;
        let mut child = self.start(batch, input)?;
        let error = child.stderr.take();
        let said = error.map(last_lines).unwrap_or_default();
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        let mut message = format!("the command did not take batch {}: {status}", batch.id);
        said.iter().for_each(|line| message += &format!("\n  {line}"));
        Err(if status.code() == Some(LATER) { Error::unreachable(message) } else { Error::failed(message) })
    }
}

/// Rows as they stood in their partitions where they say so, else by their values; of two that are the same it does not
/// matter which is first.
fn ordered(columns: &SchemaRef, rows: &[RecordBatch]) -> Result<RecordBatch> {
    let rows = concat_batches(columns, rows)?;
    let stood = ["_partition", "_offset"].into_iter().filter_map(|name| rows.column_by_name(name));
    let keys: Vec<_> = stood.chain(rows.columns()).cloned().collect();
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let values = RowConverter::new(fields)?.convert_columns(&keys)?;
    let mut order: Vec<u64> = (0..rows.num_rows() as u64).collect();
    order.sort_by_key(|row| values.row(*row as usize));
    Ok(take_record_batch(&rows, &UInt64Array::from(order))?)
}

/// The last lines of what a command says; all of them are passed on.
fn last_lines(said: impl Read) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let mut said = BufReader::new(said);
    let mut line = Vec::new();
    while said.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        line.clear();
        tracing::info!("the command: {text}");
        last.push_back(text);
        if last.len() > LINES {
            last.pop_front();
        }
    }
    last
}

fn write_arrow(out: impl Write, columns: &Schema, rows: Rows<'_>) -> Result<()> {
    let utc = Some("UTC");
    let columns = Arc::new(Schema::new(zone::labelled_fields(columns.fields(), utc)));
    let mut writer = StreamWriter::try_new(out, &columns)?;
    for rows in rows.pieces() {
        let rows = rows?;
        let arrays = rows.columns().iter().map(|column| zone::label(column, utc)).collect::<Result<_>>()?;
        writer.write(&RecordBatch::try_new(columns.clone(), arrays)?)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray};
    use std::slice::from_ref;

    #[test]
    fn rows_have_an_order_of_their_own() -> Result<()> {
        let rows = |columns: [(&str, ArrayRef); 3]| RecordBatch::try_from_iter(columns);
        let offsets = rows([
            ("name", Arc::new(StringArray::from(vec!["b", "a", "c", "a"]))),
            ("_offset", Arc::new(Int64Array::from(vec![7, 9, 8, 8]))),
            ("_partition", Arc::new(Int32Array::from(vec![1, 0, 1, 0]))),
        ])?;
        let shown = |rows: &RecordBatch| {
            lines::ndjson(from_ref(rows)).map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        let once = ordered(&offsets.schema(), from_ref(&offsets))?;
        assert!(shown(&once)?.starts_with(r#"{"name":"a","_offset":8,"_partition":0}"#), "{}", shown(&once)?);
        let again = [offsets.slice(3, 1), offsets.slice(1, 2), offsets.slice(0, 1)];
        assert_eq!(ordered(&offsets.schema(), &again)?, once);

        let groups = offsets.project(&[0])?;
        let names = ordered(&groups.schema(), &[groups.slice(2, 2), groups.slice(0, 2)])?;
        assert_eq!(names, ordered(&groups.schema(), from_ref(&groups))?);
        assert_eq!(ordered(&groups.schema(), &[])?.num_rows(), 0);
        Ok(())
    }
}
