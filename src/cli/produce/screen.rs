//! What a person sees of a run: a line a batch, the pause counted down, the first bad rows.

use crate::Result;
use crate::cli::output::{self, OutputArgs};
use crate::cli::progress;
use crate::clock::{Micros, Stop, Timer};
use crate::produce::{Plan, Reject, RejectFile, Watch};
use crate::units::format_count;
use indicatif::ProgressBar;
use std::time::Duration;

/// So many bad rows are shown; all of them are in the reject file.
const SHOWN_REJECTS: u64 = 10;

/// How often the pause is drawn.
const STEP: Duration = Duration::from_millis(100);

/// Shows a run and keeps its rejects.
pub struct Screen<'a> {
    output: OutputArgs,
    topic: String,
    has_lines: bool,
    bar: ProgressBar,
    rejects: RejectFile,
    rejected: u64,
    timer: &'a dyn Timer,
    stop: &'a Stop,
}

impl<'a> Screen<'a> {
    /// A screen for a run of `plan`; with `has_lines` each batch has its line, otherwise there is one bar.
    pub fn new(
        output: &OutputArgs,
        plan: &Plan,
        has_lines: bool,
        rejects: RejectFile,
        (timer, stop): (&'a dyn Timer, &'a Stop),
    ) -> Self {
        let bar = match has_lines {
            true => ProgressBar::hidden(),
            false => progress::bar(output, plan.max_records, "{spinner} {human_pos} records, {rate}"),
        };
        let has_lines = has_lines && output.format.is_for_people();
        let topic = plan.topics();
        Self { output: output.clone(), topic, has_lines, bar, rejects, rejected: 0, timer, stop }
    }

    /// Takes what moves from the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// The rejects, when the run is over.
    pub fn into_rejects(self) -> RejectFile {
        self.rejects
    }
}

impl Watch for Screen<'_> {
    fn batch(&mut self, number: u64, records: u64, sent: u64) -> Result<()> {
        self.bar.set_position(sent);
        if !self.has_lines {
            return Ok(());
        }
        let plural = if records == 1 { "record" } else { "records" };
        let (topic, sent) = (&self.topic, format_count(sent));
        output::print(&format!("Batch {number}: {records} {plural} to {topic}, {sent} sent in all\n"))
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.rejects.add(reject)?;
        self.rejected += 1;
        if self.rejected <= SHOWN_REJECTS {
            self.bar.suspend(|| output::note(&format!("not sent: {reject}")));
        }
        if self.rejected == SHOWN_REJECTS {
            let path = self.rejects.path().display();
            self.bar.suspend(|| output::note(&format!("further rows that are not sent are in {path} only")));
        }
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> bool {
        let bar = progress::bar(&self.output, time.as_millis() as u64, "  {wide_bar} next batch in {msg}");
        let end = self.timer.now().saturating_add(time.as_micros() as Micros);
        let left = || Duration::from_micros(end.saturating_sub(self.timer.now()).max(0).unsigned_abs());
        while self.has_lines && !bar.is_hidden() && left() > STEP && !self.stop.requested() {
            bar.set_message(format!("{} s", left().as_secs_f64().ceil()));
            bar.set_position(time.saturating_sub(left()).as_millis() as u64);
            self.timer.wait(STEP, self.stop);
        }
        let stopped = self.timer.wait(left(), self.stop);
        bar.finish_and_clear();
        stopped
    }
}
