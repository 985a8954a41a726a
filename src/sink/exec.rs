//! Batches for a command: each one on the standard input of a run of its own. At least once, with the same number and
//! the same bytes each time, but that the rows may come in another order where state was on the disk. Standard input is
//! a file, so that a command never takes the beginning of a batch for all of it, as it might where whoever writes into a
//! pipe is killed.

use super::{Batch, Rows, Sink, Writer, lines};
use crate::record::zone;
use crate::{Error, Result, shell};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;
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
        let mut file = tempfile::tempfile()?;
        match self.form {
            Form::Ndjson => {
                for rows in batch.rows.pieces() {
                    file.write_all(&lines::ndjson(&[rows?])?)?;
                }
            }
            Form::Arrow => write_arrow(BufWriter::new(&file), &batch.columns, batch.rows)?,
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
