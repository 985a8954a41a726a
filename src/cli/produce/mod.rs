//! `ecap-produce`: sends records to a topic in paced batches.

mod args;
mod decided;
mod screen;
mod summary;

pub use args::ProduceCli;
pub use summary::Summary;

use super::common::Settings;
use super::{interrupt, output};
use crate::catalog::{Record, Topic};
use crate::clock::{Stop, SystemClock, Timer};
use crate::generate::{Format, Generator, Kind};
use crate::kafka::producer::Producer;
use crate::produce::{
    self, Checker, GeneratedSource, Header, Pace, Plan, Progress, RejectFile, Repeated, Source, Totals,
};
use crate::units::format_count;
use crate::{Error, Result};
use args::From;
use screen::Screen;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file of the bare demo, and what stands in for it when it is not there.
const DEMO_FILE: &str = "data/customer_transactions_1200.csv";
const DEMO_ROWS: u64 = 1_200;
const DEMO_SEED: u64 = 42;

/// So many clients pack batches side by side where nothing else holds a run up.
const CLIENTS: u32 = 2;

/// Runs `ecap-produce`.
///
/// # Errors
/// When rows cannot be read, records cannot be sent, or some were rejected.
pub fn run(cli: ProduceCli) -> Result<()> {
    let shown = cli.common.output.clone();
    let (summary, outcome) = run_by(cli, &SystemClock, interrupt::listen)?;
    output::show(&summary, &shown)?;
    outcome
}

/// The same by another clock, until what `listen` gives is requested: what was done, and whether that is all.
///
/// # Errors
/// When nothing could be begun.
pub fn run_by(
    cli: ProduceCli,
    timer: &dyn Timer,
    listen: impl FnOnce() -> Result<Stop>,
) -> Result<(Summary, Result<()>)> {
    let settings = cli.common.settings()?;
    decided::check(&settings.connection)?;
    let topic = settings.topic(cli.topic_name())?;
    cli.check_kind(&settings, topic)?;
    let rejects = RejectFile::new(cli.reject_path(&topic.name))?;
    let mut plan = cli.plan(topic)?;
    let mut source = cli.source(topic)?;
    let mut producer = cli.producer(&settings, topic, &plan)?;
    plan.before = cli.before(&producer, &mut *source)?;

    let stop = listen()?;
    let mut screen = Screen::new(&cli.common.output, &plan, cli.shows_batches(), rejects, (timer, &stop));
    let (start, mut totals) = (Instant::now(), Totals::default());
    let clock = (timer as _, &stop);
    let outcome = produce::run(&plan, &mut *source, &mut producer, &mut screen, clock, &mut totals);
    screen.clear();
    let rejects = screen.into_rejects();
    let summary = Summary::new(&plan, &totals, &producer.receipts(), start.elapsed(), rejects.path());
    Ok((summary, outcome.and_then(|()| all_sent(&totals, rejects.path()))))
}

fn all_sent(totals: &Totals, rejects: &Path) -> Result<()> {
    let message = match totals.rejects() {
        0 => return Ok(()),
        1 => "1 row was not sent".to_owned(),
        more => format!("{} rows were not sent", format_count(more)),
    };
    Err(Error::failed(message).hint(format!("see {}", rejects.display())))
}

impl ProduceCli {
    /// Sees to it that generated rows go where such rows belong.
    fn check_kind(&self, settings: &Settings, topic: &Topic) -> Result<()> {
        let kind = match self.from() {
            From::Generator(kind) => kind,
            From::Demo => Kind::CustomerTransactions,
            From::File(_) => return Ok(()),
        };
        let Ok(own) = settings.topic(kind.topic()) else { return Ok(()) };
        let schema = |topic: &Topic| topic.record.as_ref().map(|record| record.schema.clone());
        if own.name == topic.name || schema(own) == schema(topic) {
            return Ok(());
        }
        let reason =
            format!("topic '{}' has other columns than the rows, which are {}", topic.name, kind.topic());
        Err(Error::usage(reason).hint("choose them with --synthetic KIND, or leave --topic out"))
    }

    fn producer(&self, settings: &Settings, topic: &Topic, plan: &Plan) -> Result<Producer> {
        let linger = Duration::from_millis(if plan.pace.awaits() { 0 } else { 20 });
        let patience = self.delivery.delivery_timeout;
        match &self.delivery.transactional_id {
            None => {
                // Where records go one after the other, one client packs them faster than they come.
                let clients = if plan.pace == Pace::Unpaced { CLIENTS } else { 1 };
                Producer::wide(&settings.connection, topic, (linger, patience), clients)
            }
            Some(id) => {
                let id = format!("{}{id}", settings.prefix);
                Producer::transactional(&settings.connection, topic, (linger, patience), &id)
            }
        }
    }

    /// What earlier runs did, whose rows are passed over.
    fn before(&self, producer: &Producer, source: &mut dyn Source) -> Result<Progress> {
        if !self.delivery.resume {
            return Ok(Progress::default());
        }
        let Some(mark) = producer.last_mark()? else {
            output::note("no batch was committed with this transactional id: beginning with the first row");
            return Ok(Progress::default());
        };
        let before = Progress::from_mark(&mark)?;
        before.skip(source)?;
        let [rows, batches] = [before.rows, before.batches].map(format_count);
        let plural = if before.batches == 1 { "batch" } else { "batches" };
        output::note(&format!(
            "going on behind {rows} rows of {}, which were sent in {batches} {plural}",
            source.name()
        ));
        Ok(before)
    }

    fn source(&self, topic: &Topic) -> Result<Box<dyn Source>> {
        let path = match self.from() {
            From::Generator(kind) => return self.generated(kind, 0, None, topic),
            From::Demo if !std::path::Path::new(DEMO_FILE).exists() => {
                let seed = self.world.seed.unwrap_or(DEMO_SEED);
                output::note(&format!(
                    "{DEMO_FILE} is not here: sending the rows that `ecap-gen --seed {seed}` makes"
                ));
                return self.generated(Kind::CustomerTransactions, DEMO_ROWS, Some(seed), topic);
            }
            From::Demo => PathBuf::from(DEMO_FILE),
            From::File(path) => path,
        };
        let kind = self.file_kind(&path)?;
        if self.from.repeat && path.as_os_str() == "-" {
            return Err(Error::usage("standard input cannot begin again").hint("give a file to --loop"));
        }
        if path.as_os_str() != "-" {
            File::open(&path)
                .map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
        }
        let time = self.time_column(topic)?;
        let (topic, is_checked) = (topic.clone(), !self.delivery.no_validate);
        let open = move || {
            let checker = |record: &Record| match is_checked {
                true => Checker::new(record).timed(time.clone()),
                false => Checker::unchecked(record, true).timed(time.clone()),
            };
            kind.open(&path, &topic, Header::Whole, checker)
        };
        if self.from.repeat { Ok(Box::new(Repeated::new(open)?)) } else { open() }
    }

    fn generated(&self, kind: Kind, rows: u64, seed: Option<u64>, topic: &Topic) -> Result<Box<dyn Source>> {
        // Records that are sent at a rate happen at that rate.
        let mut world = match self.pace() {
            Pace::Rate(rate) => self.world.world_at(kind, rate)?,
            _ => self.world.world(kind)?,
        };
        match seed {
            Some(seed) => world.seed = seed,
            None if self.world.seed.is_none() => output::note(&format!("seed {}", world.seed)),
            None => {}
        }
        let generator = Generator::new(kind, Format::Ndjson, world)?;
        // What it makes is right, or wrong on purpose.
        let record = topic.record.as_ref();
        let record = record.ok_or_else(|| Error::usage(format!("topic '{}' has no columns", topic.name)))?;
        let checker = Checker::unchecked(record, true).timed(self.time_column(topic)?);
        Ok(Box::new(GeneratedSource::new(generator, checker, rows)))
    }
}
