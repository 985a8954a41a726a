//! `ecap-produce`: sends records to a topic in paced batches.

mod args;
mod decided;
mod screen;
mod summary;
mod world;

pub use args::ProduceCli;
pub use summary::Summary;

use super::common::Settings;
use super::{interrupt, output};
use crate::catalog::{Record, Topic};
use crate::clock::{Stop, SystemClock, Timer};
use crate::generate::Kind;
use crate::kafka::producer::Producer;
use crate::produce::{
    self, Checker, Fan, Header, Pace, Plan, Progress, RejectFile, Repeated, Source, Totals,
};
use crate::units::format_count;
use crate::{Error, Result};
use args::From;
use screen::Screen;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use world::Synthetic;

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
    let topics = cli.topics(&settings)?;
    cli.check_kind(&settings, &topics)?;
    let rejects = RejectFile::new(cli.reject_path(&topics))?;
    let mut plan = cli.plan(&topics)?;
    let mut source = cli.source(&topics)?;
    let mut producers = cli.producers(&settings, &topics, &plan)?;
    plan.before = cli.before(&producers, &mut *source)?;

    let stop = listen()?;
    let mut screen = Screen::new(&cli.common.output, &plan, cli.shows_batches(), rejects, (timer, &stop));
    let (start, mut totals) = (Instant::now(), Totals::default());
    let clock = (timer as _, &stop);
    let outcome = produce::run(&plan, &mut *source, &mut producers, &mut screen, clock, &mut totals);
    screen.clear();
    let rejects = screen.into_rejects();
    let summary = Summary::new(&plan, &totals, &producers.receipts(), start.elapsed(), rejects.path());
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
    fn check_kind(&self, settings: &Settings, topics: &[&Topic]) -> Result<()> {
        let kind = match self.from() {
            From::Generator(Synthetic::One(kind)) => kind,
            From::Demo => Kind::CustomerTransactions,
            From::Generator(Synthetic::World) | From::File(_) => return Ok(()),
        };
        let ([topic], Ok(own)) = (topics, settings.topic(kind.topic())) else { return Ok(()) };
        let schema = |topic: &Topic| topic.record.as_ref().map(|record| record.schema.clone());
        if own.name == topic.name || schema(own) == schema(topic) {
            return Ok(());
        }
        let reason =
            format!("topic '{}' has other columns than the rows, which are {}", topic.name, kind.topic());
        Err(Error::usage(reason).hint("choose them with --synthetic KIND, or leave --topic out"))
    }

    fn producers(&self, settings: &Settings, topics: &[&Topic], plan: &Plan) -> Result<Fan<Producer>> {
        topics.iter().map(|topic| self.producer(settings, topic, plan)).collect::<Result<_>>().map(Fan)
    }

    fn producer(&self, settings: &Settings, topic: &Topic, plan: &Plan) -> Result<Producer> {
        let linger = Duration::from_millis(if plan.pace.awaits() { 0 } else { 20 });
        let patience = self.delivery.delivery_timeout;
        match &self.delivery.transactional_id {
            None => {
                // Where records go one after the other, one client packs them faster than they come.
                let is_alone = plan.pace == Pace::Unpaced && plan.destinations.len() == 1;
                let clients = if is_alone { CLIENTS } else { 1 };
                Producer::wide(&settings.connection, topic, (linger, patience), clients)
            }
            Some(id) => {
                let id = format!("{}{id}", settings.prefix);
                Producer::transactional(&settings.connection, topic, (linger, patience), &id)
            }
        }
    }

    /// What earlier runs did, whose rows are passed over.
    fn before(&self, producers: &Fan<Producer>, source: &mut dyn Source) -> Result<Progress> {
        let Some(producer) = producers.0.first().filter(|_| self.delivery.resume) else {
            return Ok(Progress::default());
        };
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

    fn source(&self, topics: &[&Topic]) -> Result<Box<dyn Source>> {
        let path = match self.from() {
            From::Generator(what) => return self.generated(what, 0, None, topics),
            From::Demo if !std::path::Path::new(DEMO_FILE).exists() => {
                let seed = self.world.seed.unwrap_or(DEMO_SEED);
                output::note(&format!(
                    "{DEMO_FILE} is not here: sending the rows that `ecap-gen --seed {seed}` makes"
                ));
                let demo = Synthetic::One(Kind::CustomerTransactions);
                return self.generated(demo, DEMO_ROWS, Some(seed), topics);
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
        let [topic] = topics else { return Err(Error::usage("a file goes to one topic")) };
        let time = self.time_column(topic)?;
        let (topic, is_checked) = (Topic::clone(topic), !self.delivery.no_validate);
        let open = move || {
            let checker = |record: &Record| match is_checked {
                true => Checker::new(record).timed(time.clone()),
                false => Checker::unchecked(record, true).timed(time.clone()),
            };
            kind.open(&path, &topic, Header::Whole, checker)
        };
        if self.from.repeat { Ok(Box::new(Repeated::new(open)?)) } else { open() }
    }
}
