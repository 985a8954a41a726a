//! A query that was planned runs: on the command line, or as one of several under a supervisor.

use super::RunArgs;
use crate::Result;
use crate::cli::common::{CommonArgs, Settings};
use crate::cli::consume::{letters, show, sink, told};
use crate::cli::{interrupt, output};
use crate::clock::{Stop, SystemClock};
use crate::consumers::vitals::Began;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::history::Positions;
use crate::engine::options::{Options, Trigger};
use crate::engine::source::{Origin, Source};
use crate::engine::{Engine, Listener, Surroundings};
use crate::kafka::reader::Reader;
use crate::kafka::start::{self, From};
use crate::program;
use crate::query::header::Header;
use crate::query::plan::StreamPlan;
use crate::sink::Sink;
use crate::tables::Table;
use crate::units::format_count;
use std::sync::Arc;

/// What the client keeps of records that were not read yet, in bytes.
const READ_AHEAD: usize = 4 << 20;

/// The query that is to run.
pub struct Query<'a> {
    /// Its text.
    pub sql: &'a str,
    /// What its file says of it.
    pub header: &'a Header,
    /// What it is called by itself.
    pub own: &'a str,
}

/// Who hears of a query that runs, and sees the rows that are shown.
pub trait Audience {
    /// Takes the rows of `--sink console`.
    fn rows(&self) -> Box<dyn Sink>;

    /// Hears of each batch.
    fn listener(&self) -> Listener<'static>;

    /// Tells of what is not a result while the query runs.
    fn teller(&self) -> Box<dyn Fn(&str) + Send + Sync>;

    /// Tells a line at the beginning or the end of a run.
    fn note(&self, line: &str);

    /// Sees what becomes of the batches that a sink gets.
    fn watch(&self, _name: &str, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        sink
    }

    /// Sees the rows of the results.
    fn show(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        sink
    }

    /// The first batch is next.
    fn begins(&self, _began: Began) {}

    /// The last batch is done.
    fn ends(&self) {}
}

/// A query with all that it is run with.
pub struct Planned<'a> {
    /// What it is.
    pub query: Query<'a>,
    /// Its plan.
    pub plan: StreamPlan,
    /// How it runs.
    pub options: Options,
    /// The flags that say so.
    pub args: &'a RunArgs,
    /// How the cluster is reached.
    pub settings: &'a Settings,
    /// Whether a restart goes on even where nobody keeps the results.
    pub goes_on: bool,
}

/// Plans a query.
///
/// # Errors
/// A usage error where the query, or a flag, is wrong.
pub fn plan(
    (sql, header): (&str, &Header),
    tables: Vec<Arc<Table>>,
    args: &RunArgs,
    settings: &Settings,
) -> Result<(StreamPlan, Options)> {
    let (catalog, prefix) = (&settings.catalog, &settings.prefix);
    let plan = StreamPlan::with_tables(sql, catalog, prefix, args.time_column(), tables)?;
    let options = args.options(header);
    options.check(&plan)?;
    Ok((plan, options))
}

/// Plans a query, connects, and runs it on the command line.
///
/// # Errors
/// As [`super::super::run()`].
pub fn run(
    query: Query<'_>,
    tables: impl FnOnce() -> Result<Vec<Arc<Table>>>,
    args: &RunArgs,
    common: &CommonArgs,
    settings: &Settings,
) -> Result<()> {
    if args.print_sql {
        return output::print(&format!("{}\n", query.sql));
    }
    let (plan, options) = plan((query.sql, query.header), tables()?, args, settings)?;
    let shown = show::Shown::new(&common.output, args.progress, args.rows)?;
    let stop = interrupt::listen()?;
    Planned { query, plan, options, args, settings, goes_on: false }.run(&shown, &stop)
}

impl Planned<'_> {
    /// Connects, and runs until the trigger ends it or the end is asked for.
    ///
    /// # Errors
    /// An unreachable error where no broker answers; a usage error where a place does not fit; otherwise what ended
    /// the query.
    pub fn run(self, audience: &dyn Audience, stop: &Stop) -> Result<()> {
        let Self { query, plan, options, args, settings, goes_on } = self;
        tracing::info!("plan:\n{plan}");
        let is_continuous = matches!(args.trigger, Trigger::Continuous(_));
        let names: Vec<_> = plan.scans.iter().map(|scan| scan.topic.name.clone()).collect();
        let bare: Vec<_> = names.iter().map(|name| settings.bare(name)).collect();
        let from = args.checkpoint.from(&args.from, &bare)?;
        let every = match options.trigger {
            Trigger::Interval(every) | Trigger::Continuous(every) => Some(every),
            Trigger::Once | Trigger::AvailableNow => None,
        };
        let reads_folders = args.folders.folders().next().is_some();
        let place = args.checkpoint.place(&query, reads_folders, goes_on || args.results.keeps())?;
        let patience = args.results.patience((audience, stop), is_continuous);
        let folders = args.open_folders(&plan, settings)?;
        if folders.iter().any(Option::is_none) {
            settings.connection.check()?;
        }
        let origins = || origins(&plan, &folders, settings);
        let about = (query.sql, &*args.results());
        let checkpoint = args.checkpoint.open(&place, about, (&plan, &origins), patience)?;
        if let Some(done) = checkpoint.as_ref().and_then(Checkpoint::last) {
            let (name, batches) = (place.name(), format_count(done.totals.batches));
            audience.note(&format!("{name} goes on from its checkpoint, behind {batches} batches"));
        }
        let id = identity(checkpoint.as_ref());
        let sink = args.results.open(&sink::Around {
            audience,
            settings,
            plan: &plan,
            folders: args.folders.folders().collect(),
            mode: options.mode,
            is_continuous,
            query: &id,
            stop,
        })?;
        let starts = args.checkpoint.starts(checkpoint.as_ref(), from)?;
        let reading = args.sources(folders, (&plan, &starts), settings, place.reference().as_deref());
        let (sources, topics) = reading?;
        let letters = args.dead_letters.open(
            &args.late,
            &letters::Around {
                settings,
                plan: &plan,
                folders: args.folders.folders().collect(),
                query: checkpoint.as_ref().filter(|_| !is_continuous).map(|kept| kept.query().id.as_str()),
                insist: &|name, sink| args.results.insist(name, sink, (audience, stop), is_continuous),
            },
        )?;
        let (sink, listener, clock) = (audience.show(sink), audience.listener(), Arc::new(SystemClock));
        let around = Surroundings { sources, sink, letters, listener, checkpoint, clock };
        let mut engine = Engine::new(plan, options, around)?;
        program::give_back_start();
        audience.begins(Began { query: id, engine: engine.history(), topics: topics.into(), every });
        let totals = engine.run(stop)?;
        audience.ends();
        audience.note(&told::totals(&names.join(", "), totals, engine.history().trends()));
        for (topic, observed) in engine.observed() {
            let lines = told::schema(&topic.name, topic.record.as_ref(), observed);
            lines.iter().for_each(|line| audience.note(line));
        }
        engine.quality().for_each(|(topic, report)| audience.note(&told::quality(&topic.name, &report)));
        drop(engine);
        place.end()
    }
}

/// The identity of a query for its sinks: its checkpoint's. Without one nothing outlives a run, whose batches begin at 0
/// again, so that each run is a query of its own.
fn identity(checkpoint: Option<&Checkpoint>) -> String {
    let own = checkpoint.map(|checkpoint| checkpoint.query().id.clone());
    own.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// The folders of a plan's topics; none where a topic is read from the broker.
type Folders = Vec<Option<Box<dyn Source>>>;

/// What each topic of the plan is read from.
fn origins(plan: &StreamPlan, folders: &Folders, settings: &Settings) -> Result<Vec<Origin>> {
    let topics = || plan.scans.iter().map(|scan| scan.topic.name.as_str()).zip(folders);
    let read: Vec<_> = topics().filter(|(_, folder)| folder.is_none()).map(|(topic, _)| topic).collect();
    if read.is_empty() {
        return Ok(vec![Origin::Folder; folders.len()]);
    }
    let mut read = start::origins(&settings.connection, &read)?.into_iter();
    let origin = |(_, folder): (_, &Option<_>)| match folder {
        Some(_) => Some(Origin::Folder),
        None => read.next(),
    };
    Ok(topics().filter_map(origin).collect())
}

impl RunArgs {
    fn open_folders(&self, plan: &StreamPlan, settings: &Settings) -> Result<Folders> {
        let keys = self.dead_letters != letters::Where::Off || self.late != letters::Late::Drop;
        let bare = |topic: &str| settings.bare(topic).to_string();
        self.folders.open(plan, bare, self.fail_fast, keys)
    }

    /// Where each topic of the plan is read: its folder, or the broker, each from its own start; and where those of the
    /// broker begin. Lag tools are told `query`.
    fn sources(
        &self,
        folders: Folders,
        (plan, starts): (&StreamPlan, &[From]),
        settings: &Settings,
        query: Option<&str>,
    ) -> Result<(Vec<Box<dyn Source>>, Positions)> {
        let (mut sources, mut read) = (Vec::new(), Positions::new());
        for ((scan, from), folder) in plan.scans.iter().zip(starts).zip(folders) {
            let topic = &scan.topic.name;
            sources.push(match folder {
                Some(folder) => folder,
                None => {
                    let source = self.source(topic, from, settings, query)?;
                    let next = source.positions().iter().map(|(partition, at)| (*partition, at.next));
                    read.insert(topic.clone(), next.collect());
                    source
                }
            });
        }
        Ok((sources, read))
    }

    fn source(
        &self,
        topic: &str,
        from: &From,
        settings: &Settings,
        query: Option<&str>,
    ) -> Result<Box<dyn Source>> {
        let own = || format!("{}ecap-{}", settings.prefix, settings.bare(topic));
        let group = self.consumer_group.clone().unwrap_or_else(own);
        let mut connection = settings.connection.clone();
        if let Some(load) = self.load {
            connection.prefer(&load.client());
        }
        let mut reader = Reader::new(&connection, topic, &group, from, READ_AHEAD)?;
        if self.fail_on_data_loss {
            reader.fail_on_data_loss();
        }
        reader.mirrors(query.map(Into::into));
        Ok(Box::new(reader))
    }
}
