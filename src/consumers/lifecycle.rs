//! What becomes of a consumer: a state, what happens, and the next state. Nothing here runs or waits.

use crate::clock::Micros;
use crate::error::Fault;
use crate::sink::retry;
use crate::{Error, units};
use std::collections::VecDeque;
use std::time::Duration;

/// So many failures within [`WITHIN`] are too many.
pub const MOST_FAILURES: usize = 5;

/// The time in which failures are counted.
pub const WITHIN: Duration = Duration::from_secs(600);

/// Who waits longer for what does not answer gives its place to a consumer that has none.
pub const KEEPS_PLACE: Duration = Duration::from_secs(60);

/// What a consumer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for one of those that run to end.
    Pending,
    /// It connects, and goes on from its checkpoint.
    Starting,
    /// It reads.
    Running,
    /// What it needs does not answer, and is waited for.
    Degraded,
    /// It failed, and starts again when its pause is over.
    BackingOff,
    /// It failed too often, or with what no start can help.
    Failed,
    /// It finishes its batch.
    Stopping,
    /// It was ended, its trigger ended it, or it was never started.
    Stopped,
}

impl State {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::BackingOff => "backing-off",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it has one of the places of those that run.
    pub fn has_place(self) -> bool {
        !matches!(self, Self::Pending | Self::Failed | Self::Stopped)
    }
}

/// What happens to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// Somebody wants it to run anew.
    Restart,
    /// Somebody wants it to end.
    Stop,
    /// It may run.
    Place,
    /// Its first batch is next.
    Began,
    /// A batch was done.
    Progress,
    /// What it needs does not answer.
    Away(String),
    /// What it needs answers.
    Back,
    /// It has ended, with an error or without one.
    Ended(Option<Error>),
    /// Its definition is wrong, so that it cannot be started.
    Refused(String),
    /// Its definition is right again.
    Mended,
    /// Time went on.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A thread is to run it.
    Run,
    /// Its thread is to end.
    End,
}

/// Where a consumer is in its life.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    state: State,
    /// Whether a thread runs it.
    is_alive: bool,
    /// Whether it starts again when it has ended.
    again: bool,
    /// When it starts again by itself.
    until: Option<Micros>,
    /// Since when it has waited for what does not answer.
    away: Option<Micros>,
    failures: VecDeque<Micros>,
    consecutive: u32,
    /// How often it ended by itself since a batch was done.
    tried: u64,
    total: u64,
    retries: u64,
    last_error: Option<String>,
    began: Option<Micros>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            is_alive: false,
            again: false,
            until: None,
            away: None,
            failures: VecDeque::new(),
            consecutive: 0,
            tried: 0,
            total: 0,
            retries: 0,
            last_error: None,
            began: None,
        }
    }
}

impl Lifecycle {
    /// What it does.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a thread runs it.
    pub fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// How often it failed since a batch was done.
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive
    }

    /// How often it failed.
    pub fn total_failures(&self) -> u64 {
        self.total
    }

    /// How often it was started again by itself.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// What went wrong last.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// When it began to read, in microseconds since the epoch; nothing where no thread reads.
    pub fn began(&self) -> Option<Micros> {
        self.began
    }

    /// When it starts again by itself.
    pub fn until(&self) -> Option<Micros> {
        self.until
    }

    /// Whether it has waited for what does not answer so long that another one may have its place.
    pub fn gives_place(&self, now: Micros) -> bool {
        let patience = KEEPS_PLACE.as_micros() as Micros;
        self.state == State::Degraded && self.away.is_some_and(|away| now.saturating_sub(away) >= patience)
    }

    /// Moves on by what happens at `now`; `dice` is a number from 0 up to 1 for the length of a pause.
    pub fn on(&mut self, event: Event, now: Micros, dice: f64) -> Option<Action> {
        match event {
            Event::Start => self.start(),
            Event::Restart => {
                let action = self.stop();
                self.again = self.is_alive;
                if self.is_alive { action } else { self.start() }
            }
            Event::Stop => self.stop(),
            Event::Place if self.state == State::Pending => self.run(),
            Event::Began if self.state == State::Starting => {
                self.began = Some(now);
                self.move_to(State::Running)
            }
            Event::Progress if self.is_alive => {
                (self.consecutive, self.tried) = (0, 0);
                None
            }
            Event::Away(reason)
                if matches!(self.state, State::Running | State::Degraded) && self.is_alive =>
            {
                self.last_error = Some(reason);
                self.away.get_or_insert(now);
                self.move_to(State::Degraded)
            }
            Event::Back if self.state == State::Degraded && self.is_alive => self.move_to(State::Running),
            Event::Ended(error) if self.is_alive => self.ended(error, now, dice),
            Event::Refused(reason) => {
                self.last_error = Some(reason);
                if self.is_alive { None } else { self.move_to(State::Failed) }
            }
            Event::Mended => {
                self.last_error = None;
                if self.state == State::Failed { self.move_to(State::Stopped) } else { None }
            }
            Event::Tick if self.until.is_some_and(|until| until <= now) => {
                self.retries += 1;
                self.run()
            }
            _ => None,
        }
    }

    fn move_to(&mut self, state: State) -> Option<Action> {
        self.state = state;
        self.until = None;
        if matches!(state, State::Running | State::Pending) {
            self.away = None;
        }
        None
    }

    fn run(&mut self) -> Option<Action> {
        self.move_to(State::Starting);
        self.is_alive = true;
        Some(Action::Run)
    }

    fn start(&mut self) -> Option<Action> {
        match self.state {
            State::Stopped | State::Failed | State::BackingOff => {
                self.failures.clear();
                self.move_to(State::Pending)
            }
            State::Stopping => {
                self.again = true;
                None
            }
            _ => None,
        }
    }

    fn stop(&mut self) -> Option<Action> {
        self.again = false;
        if !self.is_alive {
            return self.move_to(State::Stopped);
        }
        self.move_to(State::Stopping);
        Some(Action::End)
    }

    fn ended(&mut self, error: Option<Error>, now: Micros, dice: f64) -> Option<Action> {
        (self.is_alive, self.began) = (false, None);
        if let Some(error) = &error {
            self.last_error = Some(error.to_string());
        }
        match error {
            _ if self.state == State::Stopping => {
                let next = if std::mem::take(&mut self.again) { State::Pending } else { State::Stopped };
                self.move_to(next)
            }
            None => self.move_to(State::Stopped),
            Some(error) if error.fault().may_pass() => {
                self.away.get_or_insert(now);
                self.pause(State::Degraded, now, dice)
            }
            Some(error) => self.failed(&error, now, dice),
        }
    }

    fn failed(&mut self, error: &Error, now: Micros, dice: f64) -> Option<Action> {
        self.consecutive += 1;
        self.total += 1;
        self.failures.push_back(now);
        let within = WITHIN.as_micros() as Micros;
        self.failures.retain(|failure| now.saturating_sub(*failure) <= within);
        let often = self.failures.len() >= MOST_FAILURES;
        if error.fault() == Fault::Usage {
            return self.move_to(State::Failed);
        }
        if often {
            let within = units::format_duration(WITHIN);
            self.last_error =
                Some(format!("{MOST_FAILURES} failures within {within}, the last one: {error}"));
            return self.move_to(State::Failed);
        }
        self.pause(State::BackingOff, now, dice)
    }

    /// Waits the longer, the more often it ended lately.
    fn pause(&mut self, state: State, now: Micros, dice: f64) -> Option<Action> {
        self.tried += 1;
        let pause = retry::pause(self.tried, dice);
        self.move_to(state);
        self.until = Some(now.saturating_add(pause.as_micros() as Micros));
        None
    }
}

#[cfg(test)]
mod tests;
