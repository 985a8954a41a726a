//! One process that runs consumers, each in a thread of its own.

mod snapshot;

pub use snapshot::{Change, Seen, Snapshot};

use super::lifecycle::{Action, Event, Lifecycle, State};
use super::registry::{Definition, Registry, unknown};
use super::vitals::Vitals;
use crate::clock::{Clock, Micros, Stop, Timer};
use crate::units::format_rfc3339;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// How often it is looked at what became of the threads.
pub const TICK: Duration = Duration::from_millis(100);

/// How often the file of the registry is looked at, in microseconds.
const LOOK_AT_FILE: Micros = 1_000_000;

/// So many changes of a consumer's state are kept.
const CHANGES: usize = 100;

/// Knows how a definition becomes a query that runs.
pub trait Runner: Send + Sync {
    /// Sees to it that a definition can be run.
    ///
    /// # Errors
    /// A usage error that says where in the file what is wrong.
    fn check(&self, definition: &Definition) -> Result<()>;

    /// Runs the consumer in this thread, until its trigger or `stop` ends it.
    ///
    /// # Errors
    /// What ended it.
    fn run(&self, definition: &Definition, stop: &Stop, vitals: &Arc<Vitals>) -> Result<()>;
}

struct Thread {
    handle: JoinHandle<Result<()>>,
    stop: Stop,
}

struct Consumer {
    /// What it is, or why it cannot be run.
    definition: Result<Arc<Definition>>,
    life: Lifecycle,
    vitals: Arc<Vitals>,
    thread: Option<Thread>,
    /// Where it stands among those that wait.
    turn: u64,
    /// So many batches were heard of.
    batches: u64,
    /// The last state that was told of.
    told: Option<State>,
    /// The last changes of its state, the newest last.
    changes: Arc<Vec<Change>>,
    /// Whether the file still has it.
    is_registered: bool,
}

#[derive(Default)]
struct Inner {
    consumers: BTreeMap<String, Consumer>,
    turns: u64,
    /// The text of the file that was taken in last.
    text: Option<String>,
    /// When the file was changed last, and how long it was, when it was taken in, and when it was looked at.
    file: Option<(SystemTime, u64)>,
    seen: Option<(SystemTime, u64)>,
    looked: Micros,
    /// Whether the process ends, and starts nothing more.
    is_ending: bool,
}

/// Runs consumers; shared with whoever asks it for something.
pub struct Supervisor {
    runner: Arc<dyn Runner>,
    clock: Arc<dyn Clock>,
    registry: PathBuf,
    most: usize,
    inner: Mutex<Inner>,
}

impl Supervisor {
    /// Supervises the consumers of a file, of which at most `most` run at once. None is started.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(runner: Arc<dyn Runner>, clock: Arc<dyn Clock>, registry: &Path, most: usize) -> Result<Self> {
        let own = Self { runner, clock, registry: registry.into(), most, inner: Mutex::default() };
        own.load(&mut own.lock())?;
        Ok(own)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the file says now, where that is something new; what runs goes on as it was until it is started again.
    fn load(&self, inner: &mut Inner) -> Result<()> {
        let text = Registry::text(&self.registry)?;
        if inner.text.as_ref() == Some(&text) {
            return Ok(());
        }
        let registry = Registry::of(&self.registry, text.clone())?;
        let registry = registry.checked(|definition| self.runner.check(definition));
        inner.text = Some(text);
        inner.consumers.values_mut().for_each(|consumer| consumer.is_registered = false);
        for entry in registry.entries() {
            let new = || Consumer::new(self.clock.clone());
            let consumer = inner.consumers.entry(entry.name.clone()).or_insert_with(new);
            consumer.is_registered = true;
            let before = std::mem::replace(&mut consumer.definition, entry.definition.clone().map(Arc::new));
            let event = match &entry.definition {
                Err(error) => Event::Refused(error.to_string()),
                Ok(_) if before.is_err() => Event::Mended,
                Ok(_) => continue,
            };
            let was = consumer.life.state();
            consumer.life.on(event, self.clock.now(), rand::random());
            consumer.note(was, self.clock.now());
        }
        Ok(())
    }

    /// Looks whether the file has changed. One that cannot be read changes nothing.
    fn look_at_file(&self, inner: &mut Inner, now: Micros) {
        if now.saturating_sub(inner.looked) < LOOK_AT_FILE {
            return;
        }
        inner.looked = now;
        let file = std::fs::metadata(&self.registry).ok();
        let file = file.and_then(|file| Some((file.modified().ok()?, file.len())));
        // Who writes it by hand may be in the middle of it.
        let is_whole = file.is_some() && inner.seen == file;
        inner.seen = file;
        if !is_whole || inner.file == file {
            return;
        }
        inner.file = file;
        if let Err(error) = self.load(inner) {
            tracing::warn!("{error}; the consumers stay as they are");
        }
    }

    /// Does something with consumers: all of them, or those of these names. Those whose definition is wrong are told of
    /// where they are named.
    ///
    /// # Errors
    /// A usage error with the nearest name where one is not registered, or what is wrong with it; nothing is done then.
    pub fn ask(&self, event: &Event, names: &[String]) -> Result<()> {
        let mut inner = self.lock();
        if matches!(event, Event::Start | Event::Restart) {
            if inner.is_ending {
                return Err(Error::usage("the process that runs the consumers is ending"));
            }
            self.load(&mut inner)?;
        }
        for name in names {
            let all = || inner.consumers.keys().map(String::as_str);
            let consumer = inner.consumers.get(name).ok_or_else(|| unknown(name, all()))?;
            if *event != Event::Stop {
                consumer.definition.as_ref().map_err(Clone::clone)?;
            }
        }
        let all: Vec<String> = inner.consumers.keys().cloned().collect();
        for name in if names.is_empty() { &all[..] } else { names } {
            let turn = inner.turns;
            inner.turns += 1;
            if let Some(consumer) = inner.consumers.get_mut(name)
                && (consumer.definition.is_ok() || *event == Event::Stop)
            {
                if consumer.life.state() != State::Pending {
                    consumer.turn = turn;
                }
                self.on(name, consumer, event.clone());
            }
        }
        self.give_places(&mut inner);
        Ok(())
    }

    fn on(&self, name: &str, consumer: &mut Consumer, event: Event) {
        let was = consumer.life.state();
        let action = consumer.life.on(event, self.clock.now(), rand::random());
        consumer.note(was, self.clock.now());
        let is = consumer.life.state();
        let why = consumer.why();
        match why.filter(|_| consumer.told != Some(is)) {
            Some(why) => tracing::warn!("{name} is {}: {why}", is.name()),
            None if was != is => tracing::info!("{name} is {}", is.name()),
            None => {}
        }
        // Who waits for long is told of once.
        if why.is_some() || is == State::Running {
            consumer.told = Some(is);
        }
        match action {
            Some(Action::Run) => self.run(name, consumer),
            Some(Action::End) => consumer.thread.iter().for_each(|thread| thread.stop.request()),
            None => {}
        }
    }

    fn run(&self, name: &str, consumer: &mut Consumer) {
        let stop = Stop::default();
        let (runner, vitals, ends) = (self.runner.clone(), consumer.vitals.clone(), stop.clone());
        let definition = consumer.definition.clone();
        let run = move || {
            vitals.thread();
            runner.run(&*definition?, &ends, &vitals)
        };
        match thread::Builder::new().name(name.into()).spawn(run) {
            Ok(handle) => consumer.thread = Some(Thread { handle, stop }),
            Err(error) => {
                let error = Error::from(error).at("no thread");
                self.on(name, consumer, Event::Ended(Some(error)));
            }
        }
    }

    /// Lets those run that wait, the longest first, as long as there are places.
    fn give_places(&self, inner: &mut Inner) {
        let mut free = self
            .most
            .saturating_sub(inner.consumers.values().filter(|one| one.life.state().has_place()).count());
        let mut waiting: Vec<_> =
            inner.consumers.iter_mut().filter(|(_, one)| one.life.state() == State::Pending).collect();
        waiting.sort_by_key(|(_, one)| one.turn);
        for (name, consumer) in waiting {
            if free == 0 {
                return;
            }
            free -= 1;
            self.on(name, consumer, Event::Place);
        }
    }

    /// Those who have waited for long for what is away make room for as many as have no place, and stand behind them.
    fn make_room(&self, inner: &mut Inner, now: Micros) {
        let count = |is| inner.consumers.values().filter(|one| one.life.state() == is).count();
        let wanted = count(State::Pending).saturating_sub(count(State::Stopping));
        let stuck = inner.consumers.iter_mut().filter(|(_, one)| one.life.gives_place(now));
        for (name, consumer) in stuck.take(wanted) {
            tracing::info!("{name} lets another one run, as it cannot go on");
            consumer.turn = inner.turns;
            inner.turns += 1;
            self.on(name, consumer, Event::Restart);
        }
    }

    /// Sees what became of the threads, and does what is due.
    pub fn tick(&self) {
        let (mut inner, now) = (self.lock(), self.clock.now());
        self.look_at_file(&mut inner, now);
        inner.consumers.retain(|name, consumer| {
            for event in consumer.events() {
                self.on(name, consumer, event);
            }
            let goes = !consumer.is_registered;
            if goes && consumer.life.state().has_place() && consumer.life.state() != State::Stopping {
                self.on(name, consumer, Event::Stop);
                return true;
            }
            !goes || consumer.life.state().has_place()
        });
        self.give_places(&mut inner);
        self.make_room(&mut inner, now);
    }

    /// The time that it goes by.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// All consumers as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let (inner, at) = (self.lock(), self.clock.now());
        let waits = self.waits(&inner);
        let seen = |(name, consumer): (&String, &Consumer)| consumer.seen(name, at, &waits);
        Snapshot { at, consumers: inner.consumers.iter().map(seen).collect() }
    }

    /// One consumer as it is now, and when that is.
    ///
    /// # Errors
    /// A usage error with the nearest name.
    pub fn seen(&self, name: &str) -> Result<(Seen, Micros)> {
        let (inner, at) = (self.lock(), self.clock.now());
        let names = || inner.consumers.keys().map(String::as_str);
        let consumer = inner.consumers.get(name).ok_or_else(|| unknown(name, names()))?;
        Ok((consumer.seen(name, at, &self.waits(&inner)), at))
    }

    /// Whom those wait for that have no place.
    fn waits(&self, inner: &Inner) -> String {
        let busy = inner.consumers.iter().filter(|(_, one)| one.life.state().has_place());
        let busy: Vec<_> = busy.map(|(name, _)| name.as_str()).collect();
        format!("waits until one of {} ends: --max-concurrent is {}", busy.join(", "), self.most)
    }

    /// What is seen of those that run.
    pub fn vitals(&self) -> Vec<Arc<Vitals>> {
        self.lock()
            .consumers
            .values()
            .filter(|one| one.life.is_alive())
            .map(|one| one.vitals.clone())
            .collect()
    }

    /// Ends all consumers, and waits for them.
    ///
    /// # Errors
    /// When some have not ended after `within`; they are named.
    pub fn shut_down(&self, timer: &dyn Timer, within: Duration) -> Result<()> {
        self.lock().is_ending = true;
        self.ask(&Event::Stop, &[])?;
        let until = timer.now().saturating_add(within.as_micros() as Micros);
        loop {
            self.tick();
            let left: Vec<String> = {
                let inner = self.lock();
                let alive = inner.consumers.iter().filter(|(_, one)| one.life.is_alive());
                alive.map(|(name, _)| name.clone()).collect()
            };
            if left.is_empty() {
                return Ok(());
            }
            if timer.now() >= until {
                let within = crate::units::format_duration(within);
                let message = format!("not ended within --shutdown-timeout {within}: {}", left.join(", "));
                return Err(Error::failed(message).hint("the next start does their last batches again"));
            }
            timer.wait(TICK, &Stop::default());
        }
    }
}

impl Consumer {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            definition: Err(Error::failed("not read yet")),
            life: Lifecycle::default(),
            vitals: Arc::new(Vitals::new(clock)),
            thread: None,
            turn: 0,
            batches: 0,
            told: None,
            changes: Arc::default(),
            is_registered: true,
        }
    }

    /// As it is at this time; `waits` is why those wait that have no place. What is large in it is shared, as all are
    /// looked at many times a second.
    fn seen(&self, name: &str, at: Micros, waits: &str) -> Seen {
        let life = &self.life;
        let error = if life.state() == State::Pending { Some(waits) } else { life.last_error() };
        Seen {
            name: name.into(),
            definition: self.definition.as_ref().ok().cloned(),
            state: life.state(),
            consecutive_failures: life.consecutive_failures(),
            total_failures: life.total_failures(),
            restarts: life.retries(),
            last_error: error.map(Into::into),
            uptime: life.began().map(|began| Duration::from_micros(at.abs_diff(began))),
            reports: self.vitals.history().reports(),
            look: self.vitals.look(),
            changes: self.changes.clone(),
            rows: self.vitals.rows(),
        }
    }

    /// Why it is as it is, where something is wrong.
    fn why(&self) -> Option<&str> {
        let is_bad = matches!(self.life.state(), State::Degraded | State::BackingOff | State::Failed);
        self.life.last_error().filter(|_| is_bad)
    }

    /// Notes that its state was another one.
    fn note(&mut self, was: State, now: Micros) {
        let is = self.life.state();
        if was == is {
            return;
        }
        let error = self.why().map(Into::into);
        let changes = Arc::make_mut(&mut self.changes);
        changes.push(Change { timestamp: format_rfc3339(now), status: is.name().into(), error });
        changes.drain(..changes.len().saturating_sub(CHANGES));
    }

    /// What happened to it since it was looked at last.
    fn events(&mut self) -> Vec<Event> {
        let mut events = vec![Event::Tick];
        if self.thread.is_none() {
            return events;
        }
        // Before its pulse is felt, which so has all that it did.
        let ended = self.thread.take_if(|thread| thread.handle.is_finished());
        let pulse = self.vitals.pulse();
        if pulse.began {
            events.push(Event::Began);
        }
        if pulse.batches > self.batches {
            self.batches = pulse.batches;
            events.push(Event::Progress);
        }
        events.push(pulse.away.map_or(Event::Back, Event::Away));
        if let Some(thread) = ended {
            let ended = thread.handle.join().unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            self.vitals.ended();
            events.push(Event::Ended(ended.err()));
        }
        events
    }
}

/// A consumer's bug is a failure of this consumer.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::failed(format!("a bug in ecap: {}", text.unwrap_or("no word about it")))
}

#[cfg(test)]
mod tests;
