//! Runs a registered consumer as the command line runs a query.

use super::definition::Ready;
use crate::cli::common::Settings;
use crate::cli::consume::run::{self, Audience, Planned, Query};
use crate::cli::consume::show;
use crate::cli::output::{self, OutputArgs};
use crate::clock::Stop;
use crate::consumers::registry::Definition;
use crate::consumers::supervisor::Runner;
use crate::consumers::vitals::{Began, Vitals};
use crate::engine::Listener;
use crate::sink::Sink;
use crate::sink::console::{Console, Form};
use crate::{Error, Result};
use std::io::Write;
use std::sync::Arc;

/// Runs consumers on a cluster.
pub struct Queries {
    /// How it is reached.
    pub settings: Settings,
    /// How rows are shown.
    pub output: OutputArgs,
    /// How much memory the state of one may take that does not say so itself.
    pub state_memory: Option<u64>,
}

impl Runner for Queries {
    fn check(&self, definition: &Definition) -> Result<()> {
        Ready::of(definition, |group| self.settings.full(group)).map(drop)
    }

    fn run(&self, definition: &Definition, stop: &Stop, vitals: &Arc<Vitals>) -> Result<()> {
        let mut settings = self.settings.clone();
        let mut ready = Ready::of(definition, |group| settings.full(group))?;
        ready.run.bound_state(self.state_memory);
        let text = ready.text(&mut settings)?;
        let tables = ready.run.inputs.tables(&text.header, &text.folder)?;
        let (plan, options) = run::plan((&text.sql, &text.header), tables, &ready.run, &settings)
            .map_err(Error::without_place)?;
        let (form, most) = show::form(&self.output, ready.run.rows())?;
        let heard = Heard { name: definition.name.clone(), form, most, vitals: vitals.clone() };
        let query = Query { sql: &text.sql, header: &text.header, own: &definition.name };
        let planned = Planned { query, plan, options, args: &ready.run, settings: &settings, goes_on: true };
        planned.run(&heard, stop).map_err(Error::without_place)
    }
}

/// Hears of the query of a consumer.
struct Heard {
    name: String,
    form: Form,
    most: usize,
    vitals: Arc<Vitals>,
}

impl Audience for Heard {
    fn rows(&self) -> Box<dyn Sink> {
        let heading = if self.form == Form::Table { format!("{}\n", self.name) } else { String::new() };
        Box::new(Console::new(Headed { heading, batch: Vec::new() }, self.form, self.most))
    }

    fn listener(&self) -> Listener<'static> {
        let vitals = self.vitals.clone();
        Box::new(move |report| {
            vitals.progress(report);
            Ok(())
        })
    }

    fn teller(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        let name = self.name.clone();
        Box::new(move |line| output::note(&format!("{name}: {line}")))
    }

    fn note(&self, line: &str) {
        output::note(&format!("{}: {line}", self.name));
    }

    fn watch(&self, name: &str, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        self.vitals.watch(name, sink)
    }

    fn show(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        self.vitals.show(sink)
    }

    fn begins(&self, began: Began) {
        self.vitals.begins(began);
    }
}

/// Standard output for several consumers: a batch is not broken by the rows of another one.
struct Headed {
    heading: String,
    batch: Vec<u8>,
}

impl Write for Headed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.batch.is_empty() {
            self.batch.extend_from_slice(self.heading.as_bytes());
        }
        self.batch.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(&self.batch).and_then(|()| out.flush());
        self.batch.clear();
        written
    }
}
