//! Real queries in one process, one of which has a bug: it panics at a step of a batch.

use crate::engine::checkpoint::{Life, QUERIES};
use ecap::clock::{Clock, ManualClock, Stop};
use ecap::consumers::alerts::{Alert, Changes};
use ecap::consumers::health::Thresholds;
use ecap::consumers::lifecycle::{Event, State};
use ecap::consumers::registry::{Definition, FILE};
use ecap::consumers::supervisor::{Runner, Snapshot, Supervisor};
use ecap::consumers::vitals::{Began, Vitals};
use ecap::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// At so many steps of each query.
const STEPS: u64 = 4;

/// The one with the bug, and the others.
const BAD: &str = "bad";
const GOOD: [&str; 2] = ["good", "better"];

/// What is told of it.
const BUG: &str = "a bug in ecap: killed";

/// The queries by the names of their consumers.
struct Queries(BTreeMap<String, Life>);

impl Runner for Queries {
    fn check(&self, _: &Definition) -> Result<()> {
        Ok(())
    }

    fn run(&self, definition: &Definition, _: &Stop, vitals: &Arc<Vitals>) -> Result<()> {
        let query = self.0.get(&definition.name).ok_or_else(|| Error::usage("no query"))?;
        vitals.begins(Began::default());
        query.run().map(drop)
    }
}

/// Runs them until all have ended: how they are then, and the alerts, by consumer.
fn run(queries: &Arc<Queries>) -> (Snapshot, BTreeMap<String, Vec<Alert>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let entry = |name: &String| format!("[[consumer]]\nname = '{name}'\ntype = 'transaction'\n");
    std::fs::write(&path, queries.0.keys().map(entry).collect::<String>()).unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let supervisor = Supervisor::new(queries.clone(), clock.clone(), &path, 4).unwrap();
    supervisor.ask(&Event::Start, &[]).unwrap();
    let (mut changes, mut alerts) = (Changes::default(), BTreeMap::<_, Vec<_>>::new());
    loop {
        clock.set(clock.now() + 100_000);
        supervisor.tick();
        let snapshot = supervisor.snapshot();
        for alert in changes.of(&snapshot, &Thresholds::default()) {
            alerts.entry(alert.consumer_name.clone()).or_default().push(alert);
        }
        if snapshot.consumers.iter().all(|seen| matches!(seen.state, State::Stopped | State::Failed)) {
            return (snapshot, alerts);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_bug_in_one_consumer_costs_it_a_batch_and_no_row_and_the_others_nothing() {
    let truth = |(sql, mode)| {
        let straight = Life::of(sql, mode);
        straight.run().expect("runs");
        (straight.results.lines(), u64::MAX - straight.fuse.left())
    };
    let (expected, _) = truth(QUERIES[0]);
    for (number, (sql, mode)) in QUERIES.into_iter().enumerate() {
        let (rows, steps) = truth((sql, mode));
        for part in 0..STEPS {
            // Others for each query, so that all kinds of steps are among them.
            let step = (steps * part / STEPS + number as u64) % steps;
            let bad = Life::of(sql, mode);
            bad.fuse.panic_after(step);
            let good = GOOD.map(|name| (name.to_string(), Life::of(QUERIES[0].0, QUERIES[0].1)));
            let lives: BTreeMap<_, _> = good.into_iter().chain([(BAD.to_string(), bad)]).collect();
            let queries = Arc::new(Queries(lives));
            let (snapshot, alerts) = run(&queries);

            let seen = snapshot.find(BAD).unwrap();
            assert_eq!(
                (seen.state, seen.total_failures, seen.restarts),
                (State::Stopped, 1, 1),
                "{sql}, {step}"
            );
            let wrong: Vec<_> = seen.changes.iter().filter_map(|change| change.error.as_deref()).collect();
            assert_eq!(wrong, [BUG], "{sql}, {step}");
            let told: Vec<_> = alerts[BAD].iter().map(|alert| alert.status.as_str()).collect();
            assert_eq!(told, ["backing-off", "stopped"], "{sql}, {step}");
            assert_eq!(alerts[BAD][0].errors, [BUG]);
            assert_eq!(queries.0[BAD].results.lines(), rows, "{sql}, {step}");
            for name in GOOD {
                assert_eq!(snapshot.find(name).unwrap().total_failures, 0);
                let told = alerts.get(name).into_iter().flatten();
                assert!(told.into_iter().all(|alert| alert.status == "stopped"), "{alerts:?}");
                assert_eq!(queries.0[name].results.lines(), expected);
            }
        }
    }
}
