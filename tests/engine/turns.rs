//! Several topics are read in turn, and none is waited for while another one has records.

use crate::support::listed::{Listed, Stored};
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::{Engine, Surroundings};
use ecap::query::plan::StreamPlan;
use ecap::sink::memory::Memory;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const BOTH: &str = "SELECT customer_id AS c FROM `customer-transactions` UNION ALL \
    SELECT user_id AS c FROM `user-events`";

/// Runs a query over one topic with so many sales, and others with nothing, until so many reads were made; gives how long
/// each topic was asked to wait.
fn waits(sql: &str, trigger: Trigger, sold: usize, reads: usize) -> Vec<Vec<Duration>> {
    let plan = StreamPlan::new(sql, &Catalog::built_in().unwrap(), "", None).unwrap();
    let options = Options { trigger, mode: OutputMode::Append, ..Options::default() };
    let (stop, left) = (Stop::default(), AtomicUsize::new(reads));
    let asked = stop.clone();
    let hears: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            asked.request();
        }
    });
    let sale = Stored { value: Some(r#"{"customer_id":"c","final_amount":1}"#.into()), ..Stored::default() };
    let mut waits = Vec::new();
    let mut source = |name: &str| {
        let sales = if name == "customer-transactions" { sold } else { 0 };
        let mut listed = Listed::all(vec![sale.clone(); sales], 5);
        listed.hears = Some(hears.clone());
        waits.push(listed.waits.clone());
        Box::new(listed)
    };
    let around = Surroundings {
        sources: plan.scans.iter().map(|scan| source(&scan.topic.name) as _).collect(),
        sink: Box::new(Memory::default()),
        letters: None,
        checkpoint: None,
        listener: Box::new(|_| Ok(())),
        clock: Arc::new(ManualClock::at(0)),
    };
    Engine::new(plan, options, around).unwrap().run(&stop).unwrap();
    waits.iter().map(|waits: &Arc<Mutex<Vec<Duration>>>| waits.lock().unwrap().clone()).collect()
}

#[test]
fn nobody_waits_for_a_quiet_topic_while_another_one_has_records() {
    for trigger in [Trigger::AvailableNow, Trigger::Continuous(Duration::from_secs(1))] {
        // Ten reads of each topic find five sales each.
        for waits in waits(BOTH, trigger, 50, 20) {
            assert_eq!(waits, [Duration::ZERO; 10], "{trigger:?}");
        }
    }
}

#[test]
fn where_each_record_is_given_out_at_once_no_topic_is_waited_for_long() {
    for waits in waits(BOTH, Trigger::Continuous(Duration::from_secs(1)), 0, 500) {
        let longest = waits.iter().max().unwrap();
        assert!(*longest > Duration::ZERO && *longest < Duration::from_millis(5), "{longest:?}");
    }
}

#[test]
fn where_nothing_comes_the_query_rests() {
    let sql = "SELECT customer_id FROM `customer-transactions`";
    for (sql, trigger) in [
        (sql, Trigger::Interval(Duration::ZERO)),
        (sql, Trigger::Continuous(Duration::from_secs(1))),
        (BOTH, Trigger::Interval(Duration::ZERO)),
        (BOTH, Trigger::Continuous(Duration::from_secs(1))),
    ] {
        let waits = waits(sql, trigger, 0, 520).concat();
        let all: Duration = waits.iter().sum();
        assert!(all > Duration::from_millis(900), "{sql}, {trigger:?}: {all:?}");
    }
}
