//! Faults at a step of a sink: the process is killed before it, its answer is lost, or it comes twice.

use std::sync::{Arc, Mutex};

/// What happens at the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It and all that follow are never taken.
    Kill,
    /// It is taken, and nobody hears of it.
    Lost,
    /// It is taken, and then once more, as by a client that did not hear of the first time.
    Twice,
    /// It is taken, and the process sleeps before it hears of that.
    Sleep,
}

/// A fault that lies ahead, or none.
#[derive(Debug, Clone)]
pub struct Fault(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    kind: Kind,
    at: Option<usize>,
    steps: usize,
    is_dead: bool,
    /// Whether it does not happen yet.
    is_held: bool,
    meanwhile: Option<Meanwhile>,
    /// How often somebody else commits first.
    others: usize,
}

/// What happens while a process sleeps.
struct Meanwhile(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

/// What is to be done about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Take,
    Refuse,
    TakeAndLose,
    TakeTwice,
    TakeAndSleep,
}

impl Fault {
    /// No fault.
    pub fn none() -> Self {
        Self::new(Kind::Kill, None)
    }

    /// A fault at a step, from 0.
    pub fn at(kind: Kind, step: usize) -> Self {
        Self::new(kind, Some(step))
    }

    /// A sleep behind a step, from 0; this happens meanwhile.
    pub fn sleeping(step: usize, meanwhile: impl FnOnce() + Send + 'static) -> Self {
        let own = Self::at(Kind::Sleep, step);
        own.0.lock().unwrap().meanwhile = Some(Meanwhile(Box::new(meanwhile)));
        own
    }

    fn new(kind: Kind, at: Option<usize>) -> Self {
        let state = State { kind, at, steps: 0, is_dead: false, is_held: false, meanwhile: None, others: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Sleeps.
    pub fn sleep(&self) {
        let meanwhile = self.0.lock().unwrap().meanwhile.take();
        if let Some(Meanwhile(happens)) = meanwhile {
            std::thread::spawn(happens).join().unwrap();
        }
    }

    /// A step is about to be taken.
    pub fn step(&self) -> Verdict {
        let mut state = self.0.lock().unwrap();
        if state.is_held {
            return Verdict::Take;
        }
        let is_here = state.at == Some(state.steps);
        state.steps += 1;
        match state.kind {
            _ if state.is_dead => Verdict::Refuse,
            _ if !is_here => Verdict::Take,
            Kind::Kill => {
                state.is_dead = true;
                Verdict::Refuse
            }
            Kind::Lost => Verdict::TakeAndLose,
            Kind::Twice => Verdict::TakeTwice,
            Kind::Sleep => Verdict::TakeAndSleep,
        }
    }

    /// So often somebody else commits first from here on.
    pub fn overtake(&self, times: usize) {
        self.0.lock().unwrap().others = times;
    }

    /// Whether somebody else commits first.
    pub fn is_overtaken(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let is_overtaken = state.others > 0;
        state.others = state.others.saturating_sub(1);
        is_overtaken
    }

    /// Whether the step of the fault was reached.
    pub fn was_met(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.at.is_some_and(|at| at < state.steps)
    }

    /// From here on nothing happens any more, unless it was a kill.
    pub fn end(&self) {
        self.0.lock().unwrap().at = None;
    }

    /// Steps up to [`Self::begin`] are not counted.
    pub fn hold(&self) {
        self.0.lock().unwrap().is_held = true;
    }

    /// From here on steps are counted.
    pub fn begin(&self) {
        self.0.lock().unwrap().is_held = false;
    }
}
