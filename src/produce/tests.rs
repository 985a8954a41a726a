use super::*;
use crate::catalog::Catalog;
use crate::clock::{Clock, ManualClock, Micros, Stop};
use crate::kafka::producer::{Cause, Record};
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
    /// The lines of records that it refuses, and with them those that came since it was settled.
    refuses: Vec<u64>,
    unsettled: Vec<Record>,
    /// So many transactions go wrong through nobody's fault.
    stumbles: u32,
    /// Where the open transaction began, and what was committed last.
    began: usize,
    is_open: bool,
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
    fn send(&mut self, _destination: usize, record: Outgoing) -> Result<()> {
        self.step()?;
        let key = record.key.map(|key| String::from_utf8_lossy(key).into_owned());
        let value = serde_json::from_slice(record.value.unwrap_or_default())
            .map_err(|error| Error::failed(error.to_string()))?;
        self.records.push((key, value, record.time));
        self.unsettled.push(Record::from(&record));
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        let unsettled = std::mem::take(&mut self.unsettled);
        if self.stumbles > 0 {
            self.stumbles -= 1;
            self.undelivered = unsettled.into_iter().map(|record| failed(Cause::TakenBack, record)).collect();
            return Ok(());
        }
        let refuses = |record: &Record| self.refuses.contains(&record.line);
        if unsettled.iter().any(refuses) {
            self.records.truncate(self.records.len() - unsettled.len());
            // As librdkafka tells it: one alone that is at fault is not told from the others.
            let is_clear = unsettled.iter().filter(|record| refuses(record)).count() > 1;
            let cause = |record: &Record| match is_clear && !refuses(record) {
                true => Cause::Neighbour,
                false => Cause::Refused,
            };
            let failed = unsettled.into_iter().map(|record| failed(cause(&record), record));
            self.undelivered.extend(failed.collect::<Vec<_>>());
            // As librdkafka does.
            self.stumbles = u32::from(self.is_open);
        }
        self.settled.push(self.records.len());
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        (self.began, self.is_open) = (self.records.len(), true);
        self.step()
    }

    fn commit(&mut self, mark: &Mark) -> Result<()> {
        self.step()?;
        (self.mark, self.began) = (Some(mark.clone()), self.records.len());
        // It is committed, and the answer may be lost.
        self.step()
    }

    fn abort(&mut self) -> Vec<Undelivered> {
        self.records.truncate(self.began);
        std::mem::take(&mut self.undelivered)
    }

    fn take_undelivered(&mut self) -> Vec<Undelivered> {
        std::mem::take(&mut self.undelivered)
    }
}

fn failed(cause: Cause, record: Record) -> Undelivered {
    Undelivered { destination: 0, record, cause, too_large: false, reason: "no".into() }
}

/// The record of line 4.
fn fourth() -> Record {
    Record { key: None, value: Some(b"{}".to_vec()), time: 0, line: 4 }
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
    Ok(Plan {
        destinations: vec![Destination::new(topic)?],
        batch_size,
        pace,
        catches_up: true,
        max_records,
        duration: None,
        fail_fast: false,
        transactions: false,
        before: Progress::default(),
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
    let lost = failed(Cause::TimedOut, fourth());
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
    let plan = Plan { transactions: true, ..plan(10, Pace::Unpaced, 0)? };
    for (cause, stumbles) in [(Cause::TimedOut, 0), (Cause::Other, 0), (Cause::TakenBack, 100)] {
        let undelivered = vec![failed(cause, fourth())];
        let outcome = produce(&rows(100), &plan, Broker { undelivered, stumbles, ..Broker::default() }, 0)?;
        let error = outcome.result.expect_err("it cannot go on");
        assert!(error.message().contains("rows, line "), "{error}");
        assert!(error.message().contains("was not acknowledged"), "{error}");
        assert_eq!((outcome.broker.records.len(), outcome.rejects.len()), (0, 0));
        assert_eq!(outcome.broker.mark, None);
    }
    let not_taken = Undelivered { too_large: true, ..failed(Cause::NotTaken, fourth()) };
    let broker = Broker { undelivered: vec![not_taken], ..Broker::default() };
    let outcome = produce(&rows(10), &plan, broker, 0)?;
    assert_eq!((outcome.result, outcome.totals.rejected[&Code::TooLarge]), (Ok(()), 1));
    Ok(())
}

#[test]
fn a_record_that_the_broker_refuses_is_kept_and_the_others_arrive() -> Result<()> {
    for transactions in [true, false] {
        let plan = Plan { transactions, ..plan(10, Pace::Unpaced, 0)? };
        let broker = Broker { refuses: vec![4, 7, 22], ..Broker::default() };
        let outcome = produce(&rows(30), &plan, broker, 0)?;
        outcome.result?;
        let mut ids: Vec<_> =
            outcome.broker.records.iter().filter_map(|(_, value, _)| value["record_id"].as_u64()).collect();
        if !transactions {
            ids.sort_unstable();
        }
        assert!(ids.iter().copied().eq((1..=30).filter(|id| ![4, 7, 22].contains(id))), "{ids:?}");
        let lines: Vec<_> = outcome.rejects.iter().map(|reject| (reject.line, reject.code)).collect();
        assert_eq!(lines, [4, 7, 22].map(|line| (line, Code::NotDelivered.as_str())));
        assert_eq!(outcome.rejects[0].value.as_deref().map(|text| text.contains("CUST_4")), Some(true));
        let mark = outcome.broker.mark.map(|mark| mark.rows);
        assert_eq!(mark, transactions.then_some(30), "the position is behind what was refused");
    }
    Ok(())
}

#[test]
fn what_is_wrong_with_all_records_ends_the_run() -> Result<()> {
    let broker = Broker { undelivered: vec![failed(Cause::Other, fourth())], ..Broker::default() };
    let outcome = produce(&rows(100), &plan(10, Pace::Unpaced, 0)?, broker, 0)?;
    let error = outcome.result.expect_err("it makes no sense to go on");
    assert!(error.message().contains("rows, line 4 was not acknowledged: no"), "{error}");
    assert_eq!((outcome.totals.sent, outcome.rejects.len()), (10, 1));
    Ok(())
}

#[test]
fn a_batch_that_is_too_large_to_be_kept_is_taken_back_and_not_lost() -> Result<()> {
    let city = "x".repeat(900_000);
    let row = |row| {
        format!("{{\"customer_id\":\"c\",\"final_amount\":1,\"city\":\"{city}\",\"record_id\":{row}}}\n")
    };
    let text: String = (1..=80).map(row).collect();
    let plan = Plan { transactions: true, ..plan(100, Pace::Unpaced, 0)? };
    for broker in
        [Broker { refuses: vec![4], ..Broker::default() }, Broker { stumbles: 1, ..Broker::default() }]
    {
        let outcome = produce(&text, &plan, broker, 0)?;
        let error = outcome.result.expect_err("it cannot be sent again");
        assert!(
            error.to_string().ends_with("start again with --resume and a smaller --batch-size"),
            "{error}"
        );
        assert_eq!((outcome.broker.records.len(), outcome.broker.mark), (0, None));
    }
    Ok(())
}
