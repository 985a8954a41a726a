//! What a running query shows: its rows on standard output, how it goes on standard error.

use super::run::Audience;
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::progress;
use crate::engine::Listener;
use crate::engine::progress::Progress;
use crate::sink::Sink;
use crate::sink::console::{Console, Form};
use crate::units::format_count;
use crate::{Error, Result};
use indicatif::ProgressBar;
use std::io::Write;

/// What is told of each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Telling {
    /// A live line, on a terminal.
    #[default]
    Line,
    /// A line of JSON, in the names of Spark's progress reports.
    Json,
    /// Nothing.
    Off,
}

/// Where the rows go, and the live line that makes room for them.
pub struct Shown {
    form: Form,
    most: usize,
    telling: Telling,
    bar: ProgressBar,
}

impl Shown {
    /// As the flags say.
    ///
    /// # Errors
    /// A usage error where a format does not fit a stream.
    pub fn new(args: &OutputArgs, telling: Telling, rows: usize) -> Result<Self> {
        let (form, most) = form(args, rows)?;
        let bar = progress::bar(args, 0, "{spinner} {msg}");
        Ok(Self { form, most, telling, bar })
    }
}

impl Audience for Shown {
    fn rows(&self) -> Box<dyn Sink> {
        Box::new(Console::new(BehindBar(self.bar.clone()), self.form, self.most))
    }

    fn listener(&self) -> Listener<'static> {
        let (bar, telling) = (self.bar.clone(), self.telling);
        Box::new(move |report| {
            match telling {
                Telling::Line => {
                    bar.set_message(line(report));
                    bar.tick();
                }
                Telling::Json => output::note(&output::to_json(report)?),
                Telling::Off => {}
            }
            Ok(())
        })
    }

    fn teller(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        let bar = self.bar.clone();
        Box::new(move |line| bar.suspend(|| output::note(line)))
    }

    fn note(&self, line: &str) {
        output::note(line);
    }

    /// The live line goes away.
    fn ends(&self) {
        self.bar.finish_and_clear();
    }
}

/// The form of rows on standard output, and how many of a batch.
///
/// # Errors
/// A usage error where a format does not fit a stream.
pub fn form(args: &OutputArgs, rows: usize) -> Result<(Form, usize)> {
    match args.format {
        Format::Table => Ok((Form::Table, rows)),
        Format::Wide => Ok((Form::Table, usize::MAX)),
        Format::Json => Ok((Form::Json, rows)),
        Format::Csv => Ok((Form::Csv, rows)),
        Format::Yaml => Err(Error::usage("a stream has no YAML form").hint("--format json is a line a row")),
    }
}

fn line(report: &Progress) -> String {
    let behind: i64 = report.sources.iter().map(behind).sum();
    let scores =
        report.sources.iter().filter_map(|source| source.quality.as_ref()).map(|quality| quality.score);
    let quality = scores.min_by(f64::total_cmp).map(|score| format!(", quality {}", score.floor()));
    format!(
        "batch {}: {} records, {:.0}/s, watermark {}, {} behind, {} late, {} refused{}",
        report.batch_id,
        format_count(report.num_input_rows),
        report.processed_rows_per_second,
        report.event_time.watermark.as_deref().unwrap_or("none"),
        format_count(behind.max(0) as u64),
        format_count(report.total_late),
        format_count(report.total_rejected),
        quality.unwrap_or_default()
    )
}

fn behind(source: &crate::engine::progress::SourceProgress) -> i64 {
    let ends: i64 = source.latest_offset.values().sum();
    ends - source.end_offset.values().sum::<i64>()
}

/// Standard output, with the live line out of the way while it is written.
struct BehindBar(ProgressBar);

impl Write for BehindBar {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stdout().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}
