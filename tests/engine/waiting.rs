//! Stores of checkpoints that are away or full.

use super::checkpoint::{Life, QUERIES};
use crate::support::kept::Kept;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::checkpoint::{Owned, Patient, Store, inspect};
use ecap::error::Fault;
use ecap::sink::retry::Patience;
use ecap::{Error, Result};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// What happens before a file of this name is read or written.
type Before = Box<dyn Fn(&str) -> Result<()> + Send + Sync>;

/// A store at which something happens.
struct Trouble {
    kept: Kept,
    reading: Before,
    writing: Before,
}

impl Store for Trouble {
    fn place(&self) -> String {
        self.kept.place()
    }

    fn names(&self) -> Result<Vec<String>> {
        self.kept.names()
    }

    fn size(&self) -> Result<u64> {
        self.kept.size()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        (self.reading)(name)?;
        self.kept.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        (self.writing)(name)?;
        self.kept.write(name, bytes)
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        self.kept.remove(names)
    }

    fn own(&self, owner: &str) -> Result<Owned> {
        self.kept.own(owner)
    }
}

/// One whose files of state cannot be read for now.
fn away(kept: &Kept) -> Box<dyn Store> {
    let reading =
        |name: &str| if name.ends_with(".state") { Err(Error::unreachable("it is away")) } else { Ok(()) };
    Box::new(Trouble { kept: kept.clone(), reading: Box::new(reading), writing: Box::new(|_| Ok(())) })
}

/// One that has no room for a file when it is written first.
fn full(kept: &Kept) -> Box<dyn Store> {
    let seen = Mutex::new(BTreeSet::new());
    let writing = move |name: &str| match seen.lock().unwrap().insert(name.to_string()) {
        true => Err(Error::new(Fault::NoSpace, "no room")),
        false => Ok(()),
    };
    Box::new(Trouble { kept: kept.clone(), reading: Box::new(|_| Ok(())), writing: Box::new(writing) })
}

/// Without an end, and what it tells.
fn patience(stop: Stop, told: &Arc<Mutex<Vec<String>>>) -> Patience {
    let told = told.clone();
    Patience {
        retries: None,
        slow: None,
        timer: Arc::new(ManualClock::at(0)),
        stop,
        dice: || 0.5,
        tell: Box::new(move |line| told.lock().unwrap().push(line.to_string())),
    }
}

#[test]
fn what_cannot_be_read_for_now_is_not_taken_to_be_broken() {
    let life = Life { flush: false, ..Life::of(QUERIES[0].0, QUERIES[0].1) };
    life.run().unwrap();
    let there = life.kept.files();
    let store = away(&life.kept);
    for asked in [
        inspect::verify(|| Ok(away(&life.kept))).map(drop),
        inspect::rewind(store.as_ref(), 5, "a test"),
        life.run_in(away(&life.kept)).map(drop),
    ] {
        let error = asked.unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable);
        assert!(error.message().ends_with(": it is away"), "{error}");
        assert_eq!(life.kept.files(), there);
    }
    life.run().unwrap();
}

#[test]
fn a_store_that_is_full_is_waited_for_with_the_batch_that_it_holds_back() {
    for (sql, mode) in QUERIES {
        let (straight, life) = (Life::of(sql, mode), Life::of(sql, mode));
        let totals = straight.run().unwrap();
        let told = Arc::new(Mutex::new(vec![]));
        let store = Patient::new(full(&life.kept), patience(Stop::default(), &told));
        assert_eq!(life.run_in(Box::new(store)).unwrap(), totals);
        assert_eq!(life.results.lines(), straight.results.lines(), "{sql}");
        let told = told.lock().unwrap().clone();
        let held: Vec<_> = told.iter().filter(|line| line.contains("batch 1 ")).collect();
        assert_eq!(held[0], "checkpoint: no room: batch 1 is held back and given again", "{sql}");
        assert_eq!(held[1], "checkpoint: batch 1 was taken after 150ms");
        assert_eq!(life.verify(), Vec::<String>::new());
    }
}

#[test]
fn waiting_for_a_store_ends_when_the_end_is_asked_for() {
    let (life, stop) = (Life::of(QUERIES[0].0, QUERIES[0].1), Stop::default());
    stop.request();
    let store = Patient::new(full(&life.kept), patience(stop, &Arc::default()));
    let error = life.run_in(Box::new(store)).unwrap_err();
    assert_eq!(error.fault(), Fault::NoSpace);
    assert!(error.to_string().contains("when the query is started again"), "{error}");
}
