//! What every sink that keeps results promises. A sink joins with one line at the end, and a function that opens it.

use super::fault::{Fault, Kind};
use super::subjects::{self, Subject};
use super::{give, rows, writer};
use arrow::array::RecordBatch;

/// The ids of a batch of one of two writers.
fn ids(of: &str, batch: u64) -> std::ops::Range<i64> {
    let first = if of == "first" { 0 } else { 10_000 } + batch as i64 * 100;
    first..first + 7
}

fn batch(of: &str, batch: u64) -> RecordBatch {
    rows(ids(of, batch))
}

/// The ids of batches of a writer.
fn all(of: &str, batches: impl IntoIterator<Item = u64>) -> Vec<i64> {
    batches.into_iter().flat_map(|batch| ids(of, batch)).collect()
}

fn a_batch_is_there_once_however_often_it_is_written(subject: &Subject) {
    let mut sink = subject.open(writer("first"), &Fault::none());
    for number in [0, 0, 1, 0, 1, 2] {
        give(sink.as_mut(), number, &batch("first", number)).unwrap();
    }
    assert_eq!(subject.ids(), all("first", 0..3));
}

fn batches_without_rows_and_gaps_are_nothing_special(subject: &Subject) {
    let mut sink = subject.open(writer("first"), &Fault::none());
    for number in [3, 4, 9, 9] {
        let rows = if number == 4 { rows([]) } else { batch("first", number) };
        give(sink.as_mut(), number, &rows).unwrap();
    }
    assert_eq!(subject.ids(), all("first", [3, 9]));
}

fn a_new_sink_of_the_same_writer_goes_on(subject: &Subject) {
    for numbers in [0..2, 0..3, 2..5] {
        let mut sink = subject.open(writer("first"), &Fault::none());
        numbers.for_each(|number| give(sink.as_mut(), number, &batch("first", number)).unwrap());
    }
    assert_eq!(subject.ids(), all("first", 0..5));
}

fn writers_are_not_confused(subject: &Subject) {
    let mut first = subject.open(writer("first"), &Fault::none());
    let mut second = subject.open(writer("second"), &Fault::none());
    for number in 0..3 {
        give(first.as_mut(), number, &batch("first", number)).unwrap();
        give(second.as_mut(), number, &batch("second", number)).unwrap();
        give(first.as_mut(), number, &batch("first", number)).unwrap();
    }
    assert_eq!(subject.ids(), [all("first", 0..3), all("second", 0..3)].concat());
}

/// As where a process slept before it wrote a batch, and another one went on with the query meanwhile.
fn who_was_taken_over_adds_nothing(subject: &Subject) {
    let mut slept = subject.open(writer("first"), &Fault::none());
    give(slept.as_mut(), 0, &batch("first", 0)).unwrap();
    let mut sink = subject.open(writer("first"), &Fault::none());
    (1..3).for_each(|number| give(sink.as_mut(), number, &batch("first", number)).unwrap());
    // It may be refused, or pass over what is there.
    let _ = give(slept.as_mut(), 1, &batch("first", 1));
    assert_eq!(subject.ids(), all("first", 0..3));
    give(sink.as_mut(), 3, &batch("first", 3)).unwrap();
    assert_eq!(subject.ids(), all("first", 0..4));
}

/// A fault at each step of the second batch, until there are no more; what comes behind is `then`'s to do. The same
/// rows are there in the end as without.
fn with_faults(make: fn() -> Subject, kind: Kind, then: fn(&Subject, &mut dyn ecap::sink::Sink)) {
    let mut met = 0;
    for step in 0.. {
        let subject = make();
        let mut sink = subject.open(writer("first"), &Fault::none());
        give(sink.as_mut(), 0, &batch("first", 0)).unwrap();
        drop(sink);
        let fault = Fault::at(kind, step);
        let mut sink = subject.open_before_the_fault(writer("first"), &fault);
        let written = give(sink.as_mut(), 1, &batch("first", 1));
        let was_met = fault.was_met();
        assert!(was_met || written.is_ok(), "{step}: {written:?}");
        fault.end();
        if subject.gives_whole_batches {
            let seen = subject.ids();
            assert!(
                [all("first", 0..1), all("first", 0..2)].contains(&seen),
                "step {step}: a part of a batch"
            );
            assert!(written.is_err() || seen == all("first", 0..2), "step {step}: it was said to be kept");
        }
        then(&subject, sink.as_mut());
        assert_eq!(subject.ids(), all("first", 0..4), "{kind:?} at step {step}");
        if !was_met {
            break;
        }
        met += 1;
    }
    assert!(met >= make().steps, "there are {met} steps only");
}

fn a_kill_between_any_two_steps_changes_nothing(make: fn() -> Subject) {
    with_faults(make, Kind::Kill, |subject, _| {
        let mut sink = subject.open(writer("first"), &Fault::none());
        (1..4).for_each(|number| give(sink.as_mut(), number, &batch("first", number)).unwrap());
    });
}

fn a_lost_answer_changes_nothing(make: fn() -> Subject) {
    for kind in [Kind::Lost, Kind::Twice] {
        with_faults(make, kind, |_, sink| {
            (1..4).for_each(|number| give(sink, number, &batch("first", number)).unwrap());
        });
    }
}

/// Holds a sink against what it promises while nothing fails.
pub fn holds_without_faults(make: impl Fn() -> Subject) {
    holds_for_one(&make);
    writers_are_not_confused(&make());
    who_was_taken_over_adds_nothing(&make());
}

/// The same of a sink that has one writer.
fn holds_for_one(make: impl Fn() -> Subject) {
    a_batch_is_there_once_however_often_it_is_written(&make());
    batches_without_rows_and_gaps_are_nothing_special(&make());
    a_new_sink_of_the_same_writer_goes_on(&make());
}

/// Holds a sink against all of it.
fn holds(make: fn() -> Subject) {
    holds_without_faults(make);
    a_kill_between_any_two_steps_changes_nothing(make);
    a_lost_answer_changes_nothing(make);
}

/// A test for each sink.
macro_rules! sinks {
    ($($name:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            holds(subjects::$name);
        }
    )* };
}

sinks![
    ndjson_in_a_folder,
    csv_in_a_folder,
    parquet_in_a_folder,
    parquet_in_partitions,
    ndjson_in_a_file,
    csv_in_a_file,
    delta_that_adds,
    delta_in_partitions,
    delta_that_merges,
    delta_with_checkpoints,
];

/// Its processes are killed at each step in `consume::steps`, and its network is cut in `sinks_kafka::cuts`.
#[test]
fn kafka() {
    holds_without_faults(subjects::kafka);
}

/// At least once: a command that keeps batches by their numbers has each once.
#[test]
fn exec_with_a_command_that_goes_by_numbers() {
    holds_without_faults(subjects::exec_by_number);
}

#[test]
fn memory() {
    holds_for_one(subjects::memory);
}
