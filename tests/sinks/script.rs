//! Whatever happens in whatever order, each batch is there once.

use super::fault::{Fault, Kind};
use super::subjects::{self, Subject};
use super::{give, rows, writer};
use crate::support::cases;
use ecap::sink::Sink;
use proptest::prelude::*;

/// What happens to a sink.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// One of three queries writes its next batch.
    Write(usize),
    /// It writes its last batch again.
    Again(usize),
    /// It starts anew.
    Restart(usize),
    /// It is killed at a step of its next batch, and starts anew.
    Kill(usize, usize),
    /// An answer to it is lost, and it writes the batch again.
    Lose(usize, usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..3usize).prop_map(Event::Write),
        1 => (0..3usize).prop_map(Event::Again),
        1 => (0..3usize).prop_map(Event::Restart),
        2 => (0..3usize, 0..6usize).prop_map(|(query, step)| Event::Kill(query, step)),
        2 => (0..3usize, 0..6usize).prop_map(|(query, step)| Event::Lose(query, step)),
    ];
    prop::collection::vec(event, 1..16)
}

const QUERIES: [&str; 3] = ["first", "second", "third"];

struct Running<'a> {
    subject: &'a Subject,
    sinks: Vec<Box<dyn Sink>>,
    /// The next batch of each query.
    next: [u64; 3],
}

impl Running<'_> {
    fn restart(&mut self, query: usize) {
        self.sinks[query] = self.subject.open(writer(QUERIES[query]), &Fault::none());
    }

    fn write(&mut self, query: usize, number: u64) {
        give(self.sinks[query].as_mut(), number, &batch(query, number)).unwrap();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Write(query) => {
                self.write(query, self.next[query]);
                self.next[query] += 1;
            }
            Event::Again(query) if self.next[query] > 0 => self.write(query, self.next[query] - 1),
            Event::Again(query) | Event::Restart(query) => self.restart(query),
            Event::Kill(query, step) => {
                let fault = Fault::at(Kind::Kill, step);
                let mut sink = self.subject.open_before_the_fault(writer(QUERIES[query]), &fault);
                drop(give(sink.as_mut(), self.next[query], &batch(query, self.next[query])));
                drop(sink);
                self.restart(query);
                self.take(Event::Write(query));
            }
            Event::Lose(query, step) => {
                let fault = Fault::at(Kind::Lost, step);
                self.sinks[query] = self.subject.open_before_the_fault(writer(QUERIES[query]), &fault);
                drop(give(self.sinks[query].as_mut(), self.next[query], &batch(query, self.next[query])));
                fault.end();
                self.take(Event::Write(query));
            }
        }
    }
}

fn ids(query: usize, number: u64) -> std::ops::Range<i64> {
    let first = query as i64 * 10_000 + number as i64 * 10;
    first..first + 1 + number as i64 % 4
}

fn batch(query: usize, number: u64) -> arrow::array::RecordBatch {
    rows(ids(query, number))
}

fn plays(make: fn() -> Subject, events: Vec<Event>) -> Result<(), TestCaseError> {
    let subject = make();
    let sinks = QUERIES.iter().map(|query| subject.open(writer(query), &Fault::none())).collect();
    let mut running = Running { subject: &subject, sinks, next: [0; 3] };
    events.into_iter().for_each(|event| running.take(event));
    let of = |query: usize| (0..running.next[query]).flat_map(move |number| ids(query, number));
    prop_assert_eq!(subject.ids(), (0..3).flat_map(of).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 4, ..cases() })]

    #[test]
    fn in_partitions(events in events()) {
        plays(subjects::parquet_in_partitions, events)?;
    }

    #[test]
    fn in_a_file_that_grows(events in events()) {
        plays(subjects::csv_in_a_file, events)?;
    }

    #[test]
    fn in_a_table(events in events()) {
        plays(subjects::delta_with_checkpoints, events)?;
    }
}
