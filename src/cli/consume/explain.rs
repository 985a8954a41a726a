//! What a query is made of, and what it keeps: `explain` and `validate`.

use crate::cli::output::{self, Format, OutputArgs};
use crate::engine::options::Options;
use crate::query::cut::OperatorSpec;
use crate::query::header::mode_name;
use crate::query::plan::StreamPlan;
use crate::units::format_duration;
use crate::{Error, Result};
use arrow::datatypes::{DataType, Schema};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// What a person wants to know of a query before it runs.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The topics that it reads.
    reads: Vec<Read>,
    /// What keeps state, in the order in which rows go through it.
    keeps: Vec<Kept>,
    /// Which rows are given out.
    output_mode: &'static str,
    /// The columns of a result, with their types.
    gives: Vec<String>,
    /// The plan of each stage.
    #[serde(skip)]
    plan: String,
}

#[derive(Debug, Serialize)]
struct Read {
    topic: String,
    event_time: String,
    watermark_seconds: f64,
    /// The columns that are taken from the bytes.
    decoded: Vec<String>,
    /// How many columns a record has.
    columns: usize,
}

#[derive(Debug, Serialize)]
struct Kept {
    operator: String,
    keys: Vec<String>,
    aggregates: Vec<String>,
    /// Bytes of state for each group, key or row, at least: texts and lists add to it.
    bytes_each: usize,
    /// Of what there is one.
    each: &'static str,
    /// What makes one of them larger.
    grows_with: Option<&'static str>,
    until: String,
}

impl Explained {
    /// Of a plan, and how it runs.
    pub fn new(plan: &StreamPlan, options: &Options) -> Self {
        let read = |scan: &crate::query::plan::Scan| Read {
            topic: scan.topic.name.clone(),
            event_time: scan.time.clone(),
            watermark_seconds: options.delay_of(&scan.topic).as_secs_f64(),
            decoded: scan.columns.fields().iter().map(|field| field.name().clone()).collect(),
            columns: scan.topic.record.as_ref().map_or(0, |record| record.columns().fields.len()),
        };
        let result = plan.result_columns();
        let column = |field: &arrow::datatypes::FieldRef| format!("{} {}", field.name(), field.data_type());
        Self {
            reads: plan.scans.iter().map(read).collect(),
            keeps: plan.stages.operators.iter().map(kept).collect(),
            output_mode: mode_name(options.mode),
            gives: result.fields().iter().map(column).collect(),
            plan: plan.to_string(),
        }
    }

    fn text(&self) -> Result<String> {
        let mut text = String::new();
        self.write(&mut text).map_err(|error| Error::failed(error.to_string()))?;
        Ok(text)
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "Reads")?;
        for read in &self.reads {
            let delay = format_duration(Duration::from_secs_f64(read.watermark_seconds));
            writeln!(text, "  {}: event time {}, watermark {delay}", read.topic, read.event_time)?;
            let (decoded, all) = (read.decoded.len(), read.columns);
            writeln!(text, "    {decoded} of {all} columns: {}", read.decoded.join(", "))?;
        }
        writeln!(text, "Keeps")?;
        for kept in &self.keeps {
            writeln!(text, "  {}", kept.operator)?;
            if !kept.keys.is_empty() {
                writeln!(text, "    by {}", kept.keys.join(", "))?;
            }
            if !kept.aggregates.is_empty() {
                writeln!(text, "    {}", kept.aggregates.join(", "))?;
            }
            let more = kept.grows_with.map_or(String::new(), |with| format!(", more with {with}"));
            writeln!(
                text,
                "    about {} bytes a {}{more}; until {}",
                kept.bytes_each, kept.each, kept.until
            )?;
        }
        if self.keeps.is_empty() {
            writeln!(text, "  nothing: each record is given out by itself")?;
        }
        writeln!(text, "Gives, in output mode {}\n  {}", self.output_mode, self.gives.join(", "))?;
        writeln!(text, "Plan\n{}", self.plan.trim_end())
    }
}

fn kept(spec: &OperatorSpec) -> Kept {
    match spec {
        OperatorSpec::Window(spec) => Kept {
            operator: format!("windows: {}", spec.windows),
            keys: names(&spec.keys),
            aggregates: spec.aggregates.iter().map(|aggregate| aggregate.name().to_string()).collect(),
            bytes_each: OVERHEAD + width(&spec.state),
            each: if spec.windows.size().is_some() { "group and pane" } else { "session" },
            grows_with: has_lists(&spec.state).then_some("each distinct value"),
            until: "the watermark passes the window's end".into(),
        },
        OperatorSpec::Join(spec) => Kept {
            operator: format!("join of two streams: {}", spec.kind),
            keys: spec.sides[0].keys.iter().map(ToString::to_string).collect(),
            aggregates: vec![],
            bytes_each: OVERHEAD + width(&spec.result) / 2,
            each: "row",
            grows_with: None,
            until: format!(
                "no match can come: the right time is from {} to {} after the left",
                signed(spec.lower),
                signed(spec.upper)
            ),
        },
        OperatorSpec::Dedup(spec) => Kept {
            operator: "rows that come once".into(),
            keys: spec.key_names(),
            aggregates: vec![],
            bytes_each: OVERHEAD + TEXT,
            each: "key",
            grows_with: None,
            until: match spec.time_is_key {
                true => "the watermark passes its time".into(),
                false => "the watermark passes its time, and the delay once more".into(),
            },
        },
    }
}

/// What an entry of a hash table costs besides what it holds.
const OVERHEAD: usize = 48;

/// What a text is taken to be.
const TEXT: usize = 24;

fn signed(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", format_duration(Duration::from_micros(micros.unsigned_abs())))
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn width(schema: &Schema) -> usize {
    schema.fields().iter().map(|field| field.data_type().primitive_width().unwrap_or(TEXT)).sum()
}

fn has_lists(schema: &Schema) -> bool {
    let list =
        |kind: &DataType| matches!(kind, DataType::List(_) | DataType::LargeList(_) | DataType::Binary);
    schema.fields().iter().any(|field| list(field.data_type()))
}

/// Shows what a query is made of.
///
/// # Errors
/// When standard output cannot be written; a usage error for a form that it does not have.
pub fn show(explained: &Explained, args: &OutputArgs) -> Result<()> {
    match args.format {
        Format::Table | Format::Wide => output::print(&explained.text()?),
        Format::Json => output::print(&format!("{}\n", output::to_json(explained)?)),
        _ => Err(Error::usage("explain has the forms table and json")),
    }
}
