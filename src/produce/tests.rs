use super::*;
use crate::catalog::Catalog;
use crate::clock::{Clock, ManualClock, Micros, Stop};
use crate::record::reject::Code;
use crate::{Error, Result};
use serde_json::Value;

const START: Micros = 1_753_610_889_000_000;
const SECOND: Micros = 1_000_000;

#[derive(Default)]
struct Broker {
    records: Vec<(Option<String>, Value, Micros)>,
    /// How many records there were when everything was settled.
    settled: Vec<usize>,
    undelivered: Vec<Undelivered>,
    /// Where the open transaction began, and what was committed last.
    began: usize,
    mark: Option<Mark>,
    /// After so many steps nothing works any more.
    steps: Option<usize>,
}

impl Broker {
    fn step(&mut self) -> Result<()> {
        if self.steps == Some(0) {
            return Err(Error::failed("killed"));
        }
        self.steps = self.steps.map(|steps| steps - 1);
        Ok(())
    }
}

impl Target for Broker {
    fn send(&mut self, record: Outgoing) -> Result<()> {
        self.step()?;
        let key = record.key.map(|key| String::from_utf8_lossy(key).into_owned());
        let value = serde_json::from_slice(record.value.unwrap_or_default())
            .map_err(|error| Error::failed(error.to_string()))?;
        self.records.push((key, value, record.time));
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        self.settled.push(self.records.len());
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        self.began = self.records.len();
        self.step()
    }

    fn commit(&mut self, mark: &Mark) -> Result<()> {
        self.step()?;
        (self.mark, self.began) = (Some(mark.clone()), self.records.len());
        // It is committed, and the answer may be lost.
        self.step()
    }

    fn abort(&mut self) {
        self.records.truncate(self.began);
    }

    fn take_undelivered(&mut self) -> Vec<Undelivered> {
        std::mem::take(&mut self.undelivered)
    }
}

/// Waits by moving the clock, and may ask for the end at a batch.
struct Watcher<'a> {
    clock: &'a ManualClock,
    stop: &'a Stop,
    stop_at: u64,
    lines: Vec<(u64, u64, u64)>,
    rejects: Vec<Reject>,
}

impl Watch for Watcher<'_> {
    fn batch(&mut self, number: u64, records: u64, sent: u64) -> Result<()> {
        self.lines.push((number, records, sent));
        if number == self.stop_at {
            self.stop.request();
        }
        Ok(())
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.rejects.push(reject.clone());
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> bool {
        self.clock.set(self.clock.now() + time.as_micros() as Micros);
        self.stop.requested()
    }
}

struct Outcome {
    broker: Broker,
    lines: Vec<(u64, u64, u64)>,
    rejects: Vec<Reject>,
    totals: Totals,
    took: Micros,
    result: Result<()>,
}

fn plan(batch_size: u64, pace: Pace, max_records: u64) -> Result<Plan> {
    let catalog = Catalog::built_in()?;
    let topic = catalog.topic("customer-transactions")?;
    let stamp = topic.record.as_ref().map_or(Ok(Stamp::default()), Stamp::new)?;
    Ok(Plan {
        topic: topic.name.clone(),
        batch_size,
        pace,
        catches_up: true,
        max_records,
        duration: None,
        fail_fast: false,
        transactions: false,
        before: Progress::default(),
        stamp,
    })
}

fn produce(text: &str, plan: &Plan, broker: Broker, stop_at: u64) -> Result<Outcome> {
    let catalog = Catalog::built_in()?;
    let topic = catalog.topic("customer-transactions")?;
    let checker = topic.record.as_ref().map(Checker::new).ok_or_else(|| Error::failed("no record"))?;
    let checker = checker.timed(Some("transaction_date".into()));
    let mut source = NdjsonSource::new("rows", text.as_bytes(), checker, topic.max_message_bytes());
    plan.before.skip(&mut source)?;
    let (clock, stop) = (ManualClock::at(START), Stop::default());
    let mut watcher = Watcher { clock: &clock, stop: &stop, stop_at, lines: Vec::new(), rejects: Vec::new() };
    let (mut broker, mut totals) = (broker, Totals::default());
    let result = run(plan, &mut source, &mut broker, &mut watcher, (&clock, &stop), &mut totals);
    let Watcher { lines, rejects, .. } = watcher;
    Ok(Outcome { broker, lines, rejects, totals, took: clock.now() - START, result })
}

fn rows(count: u64) -> String {
    let row = |row| format!("{{\"customer_id\":\"CUST_{row}\",\"final_amount\":1.5,\"record_id\":{row}}}\n");
    (1..=count).map(row).collect()
}

const PAUSE: Pace = Pace::Pause(Duration::from_secs(10));

#[test]
fn the_demo_sends_100_batches_of_10_with_99_pauses() -> Result<()> {
    let outcome = produce(&rows(1_200), &plan(10, PAUSE, 1_000)?, Broker::default(), 0)?;
    outcome.result?;
    assert_eq!(outcome.lines.len(), 100);
    assert_eq!(outcome.lines[99], (100, 10, 1_000));
    assert_eq!(outcome.took, 990 * SECOND);
    assert_eq!(outcome.broker.settled[..3], [10, 20, 30], "each batch is acknowledged before its pause");
    for (index, (key, value, time)) in outcome.broker.records.iter().enumerate() {
        assert_eq!(value["batch_number"], index / 10 + 1);
        assert_eq!(value["batch_position"], index % 10 + 1);
        assert_eq!(*time, START + (index as i64 / 10) * 10 * SECOND);
        assert_eq!(value["producer_timestamp"].as_f64(), Some(*time as f64 / 1e6));
        assert_eq!(key.as_deref(), value["customer_id"].as_str());
    }
    Ok(())
}

#[test]
fn nothing_waits_after_the_last_batch() -> Result<()> {
    for (count, batches, pauses) in [(20, 2, 1), (25, 3, 2), (1, 1, 0), (0, 0, 0)] {
        let text = rows(count) + "not json\n";
        let outcome = produce(&text, &plan(10, PAUSE, 0)?, Broker::default(), 0)?;
        outcome.result?;
        assert_eq!((outcome.totals.batches, outcome.took), (batches, pauses * 10 * SECOND), "{count} rows");
        assert_eq!((outcome.totals.sent, outcome.totals.rejects()), (count, 1));
    }
    Ok(())
}

#[test]
fn a_rate_is_kept_over_the_whole_run() -> Result<()> {
    let outcome = produce(&rows(100), &plan(10, Pace::Rate(20.0), 0)?, Broker::default(), 0)?;
    outcome.result?;
    assert_eq!(outcome.took, 4_500_000, "the last of ten batches goes after nine tenths of 5 s");
    Ok(())
}

#[test]
fn a_replay_keeps_the_distances_of_the_records() -> Result<()> {
    let row = |at: &str| format!("{{\"customer_id\":\"c\",\"final_amount\":1,\"transaction_date\":{at}}}\n");
    let times = ["\"2025-01-01 00:00:00\"", "\"1735689600000\"", "null", "\"2025-01-01 00:00:20\""];
    let later = ["\"2025-01-01 00:00:10\"", "\"2025-01-01 00:00:21\""];
    let text: String = times.iter().chain(&later).map(|at| row(at)).collect();
    let outcome = produce(&text, &plan(10, Pace::Replay(10.0), 0)?, Broker::default(), 0)?;
    outcome.result?;
    let times: Vec<Micros> = outcome.broker.records.iter().map(|(.., time)| *time - START).collect();
    assert_eq!(times, [0, 0, 0, 2_000_000, 2_000_000, 2_100_000]);
    assert_eq!(outcome.lines, [(1, 3, 3), (2, 2, 5), (3, 1, 6)]);
    Ok(())
}

#[test]
fn a_duration_ends_the_run() -> Result<()> {
    let plan = Plan { duration: Some(Duration::from_secs(35)), ..plan(10, PAUSE, 0)? };
    let outcome = produce(&rows(100), &plan, Broker::default(), 0)?;
    outcome.result?;
    assert_eq!((outcome.totals.batches, outcome.took), (4, 30 * SECOND));
    Ok(())
}

#[test]
fn a_stop_finishes_the_batch_and_settles_it() -> Result<()> {
    let outcome = produce(&rows(100), &plan(10, PAUSE, 0)?, Broker::default(), 3)?;
    outcome.result?;
    assert_eq!((outcome.totals.sent, outcome.totals.batches), (30, 3));
    assert_eq!(outcome.broker.settled.last(), Some(&30));
    Ok(())
}

#[test]
fn a_bad_row_is_rejected_and_the_batch_is_filled_up() -> Result<()> {
    let text = rows(5) + "{\"customer_id\":\"c\",\"final_amount\":1,\"age\":\"old\"}\n" + &rows(7);
    let outcome = produce(&text, &plan(10, PAUSE, 0)?, Broker::default(), 0)?;
    outcome.result?;
    assert_eq!(outcome.lines, [(1, 10, 10), (2, 2, 12)]);
    assert_eq!(outcome.rejects[0].to_string(), "rows, line 6: age = \"old\" is not INT");
    assert_eq!(outcome.totals.rejected[&Code::TypeMismatch], 1);

    let strict = Plan { fail_fast: true, ..plan(10, PAUSE, 0)? };
    let outcome = produce(&text, &strict, Broker::default(), 0)?;
    assert_eq!(outcome.result, Err(Error::data("rows, line 6: age = \"old\" is not INT")));
    assert_eq!((outcome.totals.sent, outcome.broker.settled.last()), (5, Some(&5)));
    Ok(())
}

#[test]
fn a_silent_broker_ends_the_run_and_what_it_did_not_take_is_kept() -> Result<()> {
    let lost = Undelivered {
        line: 4,
        key: None,
        value: b"{}".to_vec(),
        too_large: false,
        timed_out: true,
        refused: false,
        reason: "timed out".into(),
    };
    let broker = Broker { undelivered: vec![lost], ..Broker::default() };
    let outcome = produce(&rows(100), &plan(10, PAUSE, 0)?, broker, 0)?;
    assert_eq!(outcome.result.map_err(|error| error.fault()), Err(crate::error::Fault::Unreachable));
    assert_eq!((outcome.totals.sent, outcome.rejects.len()), (10, 1));
    assert_eq!(outcome.rejects[0].code, Code::NotDelivered.as_str());
    Ok(())
}

/// Runs in transactions that are killed after so many steps, and continued.
fn produce_with_kills(text: &str, steps: usize, mut fix: impl FnMut(&mut Plan)) -> Result<(Broker, usize)> {
    let mut plan = Plan { transactions: true, ..plan(10, Pace::Unpaced, 0)? };
    let (mut broker, mut runs) = (Broker::default(), 0);
    loop {
        broker.steps = Some(steps);
        runs += 1;
        fix(&mut plan);
        let outcome = produce(text, &plan, broker, 0)?;
        broker = outcome.broker;
        match outcome.result {
            Ok(()) => return Ok((broker, runs)),
            Err(error) => assert_eq!(error, Error::failed("killed")),
        }
        plan.before = broker.mark.as_ref().map_or(Ok(Progress::default()), Progress::from_mark)?;
    }
}

#[test]
fn a_run_that_is_killed_at_any_step_goes_on_with_no_row_lost_and_none_doubled() -> Result<()> {
    let bad = "no json\n".to_owned();
    let text = bad.clone() + &rows(45).replacen('\n', "\nno json either\n", 20) + &bad;
    // A batch of 10 takes 13 steps; with fewer nothing ever gets through.
    for steps in 13..100 {
        let (broker, runs) = produce_with_kills(&text, steps, |_| {})?;
        assert!(runs > 1 || steps >= 60, "{steps}");
        let ids: Vec<_> = broker.records.iter().map(|(_, value, _)| value["record_id"].as_u64()).collect();
        assert_eq!(ids, (1..=45).map(Some).collect::<Vec<_>>(), "killed every {steps} steps");
        for (index, (_, value, _)) in broker.records.iter().enumerate() {
            assert_eq!(
                (&value["batch_number"], &value["batch_position"]),
                (&(index / 10 + 1).into(), &(index % 10 + 1).into())
            );
        }
    }
    Ok(())
}

#[test]
fn the_number_of_records_counts_over_all_runs() -> Result<()> {
    let (broker, runs) = produce_with_kills(&rows(100), 20, |plan| plan.max_records = 35)?;
    assert_eq!(broker.records.len(), 35);
    assert!(runs > 1);
    Ok(())
}

#[test]
fn a_batch_with_a_record_that_fails_is_taken_back() -> Result<()> {
    let lost = |timed_out| Undelivered {
        line: 4,
        key: None,
        value: b"{}".to_vec(),
        too_large: false,
        timed_out,
        refused: false,
        reason: "no".into(),
    };
    let plan = Plan { transactions: true, ..plan(10, Pace::Unpaced, 0)? };
    for timed_out in [false, true] {
        let broker = Broker { undelivered: vec![lost(timed_out)], ..Broker::default() };
        let outcome = produce(&rows(100), &plan, broker, 0)?;
        let error = outcome.result.expect_err("it cannot go on");
        assert!(error.message().contains("rows, line 4 was not acknowledged"), "{error}");
        assert_eq!((outcome.broker.records.len(), outcome.rejects.len()), (0, 0));
        assert_eq!(outcome.broker.mark, None);
    }
    let refused = Undelivered { refused: true, too_large: true, ..lost(false) };
    let broker = Broker { undelivered: vec![refused], ..Broker::default() };
    let outcome = produce(&rows(10), &plan, broker, 0)?;
    assert_eq!((outcome.result, outcome.totals.rejected[&Code::TooLarge]), (Ok(()), 1));
    Ok(())
}
