//! Sinks that are places: files, and Delta tables.

use super::sink::Around;
use super::sink_options::Chosen;
use crate::clock::SystemClock;
use crate::engine::options::OutputMode;
use crate::place::{Place, is_of_a_store, is_url};
use crate::sink::Sink;
use crate::sink::delta::{DeltaSink, Options};
use crate::sink::file::{FileSink, Form, Layout, is_in};
use crate::units::{parse_duration, parse_size};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Rows into a file, or into a folder of files.
pub fn files(form: Form, chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    let path = Path::new(place(chosen)?);
    if is_url(place(chosen)?) {
        let error = Error::usage(format!("files are kept in folders, and not at {}", path.display()));
        return Err(error.hint("--sink delta keeps a table there"));
    }
    if let Some(folder) = around.folders.iter().find(|folder| is_in(path, folder)) {
        let message = format!("the query reads {}, and would read its own results", folder.display());
        return Err(Error::usage(message).hint("name another --path"));
    }
    let mut layout =
        Layout { partition_by: chosen.list("partition-by").unwrap_or_default(), ..Layout::new(form) };
    if let Some(size) = chosen.option("file-size") {
        layout.file_size = parse_size(size)?.max(1);
    }
    layout.file_age = chosen.option("file-age").map(parse_duration).transpose()?;
    let columns = around.plan.result_columns();
    let sink = FileSink::open(path, layout, &columns, around.writer(chosen), Arc::new(SystemClock))?;
    refuse_continuous(around.is_continuous && sink.keeps())?;
    Ok(Box::new(sink))
}

/// Rows into a Delta table.
pub fn delta(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    refuse_continuous(around.is_continuous)?;
    let merge_on = chosen.list("merge-on").unwrap_or_default();
    if around.mode != OutputMode::Append && merge_on.is_empty() {
        let error = Error::usage("rows that change need keys, so that one takes the place of the other");
        return Err(error.hint("--merge-on window_start, or --output-mode append"));
    }
    let partition_by = chosen.list("partition-by").unwrap_or_default();
    let mut options = Options { partition_by, merge_on, ..Options::default() };
    let mut store = Vec::new();
    for (name, value) in chosen.options() {
        let given = |name: String| (name, value.to_string());
        match name {
            "path" | "partition-by" | "merge-on" => {}
            "file-size" => options.file_size = Some(parse_size(value)?),
            "merge-schema" => options.merge_schema = value == "true",
            _ if is_of_a_store(name) => store.push(given(name.into())),
            _ => options.properties.push(given(format!("delta.{name}"))),
        }
    }
    let place = Place::open(place(chosen)?, &store)?;
    let columns = around.plan.result_columns();
    let sink = DeltaSink::open(place, options, &columns, around.writer(chosen), Arc::new(SystemClock))?;
    Ok(Box::new(sink))
}

fn place(chosen: &Chosen) -> Result<&str> {
    chosen.needed("path", "--path ./results")
}

/// What keeps a batch once needs batches.
fn refuse_continuous(refused: bool) -> Result<()> {
    match refused {
        true => {
            let message = "the sink keeps each batch once, and the continuous trigger has no batches";
            Err(Error::usage(message).hint("--trigger 0s"))
        }
        false => Ok(()),
    }
}
