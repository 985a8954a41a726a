//! What is away is waited for: the batch that a sink did not take is given again until it takes it. One that takes its
//! time is told of, so that nobody waits without a word.

use super::{Batch, Sink};
use crate::clock::{Stop, Timer};
use crate::error::Fault;
use crate::units::{format_count, format_duration};
use crate::{Error, Result};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// What is waited with for something that is away, or full.
pub struct Patience {
    /// How often something is given again; without a number, until it is taken.
    pub retries: Option<u64>,
    /// How long a sink may have a batch before that is told; without it, as long as it likes.
    pub slow: Option<Duration>,
    /// What is waited by.
    pub timer: Arc<dyn Timer>,
    /// What ends waiting.
    pub stop: Stop,
    /// A number from 0 up to 1, another one each time: who waits for the same sink does not come back all at once.
    pub dice: fn() -> f64,
    /// Who is told what is held back, and that it was taken.
    pub tell: Box<dyn Fn(&str) + Send + Sync>,
}

impl Patience {
    /// Gives something to `whom` until it is taken, or no retry can help. That it is held back is told once, and that it
    /// was taken after all; `give` says when it has told that already.
    ///
    /// # Errors
    /// What no retry can help; what may pass, once there are no retries left, or the end is asked for.
    pub fn insist<T>(
        &self,
        whom: &str,
        what: &str,
        mut give: impl FnMut(&mut bool) -> Result<T>,
    ) -> Result<T> {
        let began = self.timer.now();
        let (mut tried, mut was_told) = (0, false);
        loop {
            let error = match give(&mut was_told) {
                Ok(taken) => {
                    if was_told {
                        let waited = self.timer.now().saturating_sub(began);
                        let waited = format_duration(Duration::from_millis(waited.unsigned_abs() / 1_000));
                        (self.tell)(&format!("{whom}: {what} was taken after {waited}"));
                    }
                    return Ok(taken);
                }
                Err(error) if !error.fault().may_pass() => return Err(error),
                Err(error) => error,
            };
            if self.retries.is_some_and(|most| tried >= most) {
                return Err(given_up(&error, what, tried));
            }
            if tried == 0 {
                (self.tell)(&format!("{whom}: {error}: {what} is held back and given again"));
                was_told = true;
            }
            if self.timer.wait(pause(tried, (self.dice)()), &self.stop) {
                return Err(given_up(&error, what, tried));
            }
            tried += 1;
        }
    }
}

/// A sink with patience.
pub struct Retrying<'a> {
    name: String,
    sink: Box<dyn Sink + 'a>,
    patience: Patience,
}

impl<'a> Retrying<'a> {
    /// Waits for `sink`, of that name among those of the query.
    pub fn new(name: &str, sink: Box<dyn Sink + 'a>, patience: Patience) -> Self {
        Self { name: format!("sink {name}"), sink, patience }
    }

    /// Gives a batch until it is taken, or no retry can help.
    fn insist(&mut self, batch: &Batch<'_>) -> Result<()> {
        let Self { name, sink, patience } = self;
        let held_back = held_back(batch);
        let watched = |slow: Duration, done: &Stop, was_told: &mut bool| {
            if !patience.timer.wait(slow, done) {
                let slow = format_duration(slow);
                (patience.tell)(&format!("{name}: {held_back} is not taken after {slow}, and is waited for"));
                *was_told = true;
            }
        };
        patience.insist(name, &held_back, |was_told| {
            let Some(slow) = patience.slow.filter(|_| !*was_told) else { return sink.write(batch) };
            let done = Stop::default();
            thread::scope(|scope| {
                let watch = || watched(slow, &done, was_told);
                // A batch does not fail because nobody watches it.
                drop(thread::Builder::new().name("watch".into()).spawn_scoped(scope, watch));
                let written = sink.write(batch);
                done.request();
                written
            })
        })
    }
}

fn given_up(error: &Error, what: &str, tried: u64) -> Error {
    let message = format!("{error}: {what} was not taken, and was given again {tried} times");
    Error::new(error.fault(), message).hint("it is given again when the query is started again")
}

/// How long to wait before something is tried again: exponential, and the second half of it at random, by a number from
/// 0 up to 1.
pub fn pause(tried: u64, dice: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << tried.min(16)).min(LONGEST);
    doubled.mul_f64(0.5 + dice / 2.0)
}

fn held_back(batch: &Batch<'_>) -> String {
    let rows = batch.count();
    let s = if rows == 1 { "" } else { "s" };
    format!("batch {} with {} row{s}", batch.id, format_count(rows))
}

impl Sink for Retrying<'_> {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let taken = self.insist(batch);
        taken.map_err(|error| in_the_middle(error).at(&self.name))
    }
}

/// What does not fit any more is no wrong usage: it was right at the start.
fn in_the_middle(error: Error) -> Error {
    if error.fault() == Fault::Usage { error.blaming(Fault::Failed) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::sink::Rows;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use std::sync::Mutex;

    /// Answers with these, one after the other, and then takes everything.
    struct Scripted(Vec<Error>);

    impl Sink for Scripted {
        fn write(&mut self, _: &Batch<'_>) -> Result<()> {
            if self.0.is_empty() { Ok(()) } else { Err(self.0.remove(0)) }
        }
    }

    fn away() -> Error {
        Error::unreachable("nobody answers")
    }

    /// Writes a batch: what came of it, what was told, and how many seconds were waited.
    fn write(answers: Vec<Error>, retries: Option<u64>, stop: &Stop) -> (Result<()>, Vec<String>, f64) {
        let (clock, told) = (Arc::new(ManualClock::at(0)), Arc::new(Mutex::new(vec![])));
        let tell = told.clone();
        let patience = Patience {
            retries,
            slow: None,
            timer: clock.clone(),
            stop: stop.clone(),
            dice: || 0.5,
            tell: Box::new(move |line| tell.lock().expect("alone").push(line.to_string())),
        };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let rows = RecordBatch::try_from_iter([("n", column)]).expect("a column");
        let batch =
            Batch { id: 7, columns: rows.schema(), rows: Rows::Held(&[rows]), records: 2, total_records: 2 };
        let written = Retrying::new("pg", Box::new(Scripted(answers)), patience).write(&batch);
        let told = told.lock().expect("alone").clone();
        (written, told, clock.now() as f64 / 1e6)
    }

    #[test]
    fn a_batch_is_given_again_until_it_is_taken_and_both_are_said_once() {
        let (written, told, waited) = write(vec![away(); 12], None, &Stop::default());
        assert_eq!(written, Ok(()));
        let [held, taken] = &told[..] else { panic!("{told:?}") };
        assert_eq!(held, "sink pg: nobody answers: batch 7 with 2 rows is held back and given again");
        // 0.2 s and twice as much each time up to 30 s, three quarters of each.
        let waits = (0..12).map(|tried| f64::from(1 << tried) * 0.2).map(|wait| wait.min(30.0) * 0.75);
        assert!((waits.sum::<f64>() - waited).abs() < 1e-6, "{waited}");
        assert!(taken.starts_with("sink pg: batch 7 with 2 rows was taken after 2m"), "{taken}");
    }

    #[test]
    fn what_no_retry_can_help_ends_it_at_once() {
        let (written, told, waited) =
            write(vec![away(), Error::failed("no such column")], None, &Stop::default());
        assert_eq!(written.expect_err("refused").to_string(), "sink pg: no such column");
        assert_eq!(told.len(), 1);
        let (written, told, _) = write(vec![Error::failed("no such column")], None, &Stop::default());
        assert!(written.is_err() && told.is_empty() && waited < 0.2);
    }

    #[test]
    fn it_gives_up_after_so_many_retries_and_when_the_end_is_asked_for() {
        let (written, ..) = write(vec![away(); 9], Some(3), &Stop::default());
        let error = written.expect_err("given up");
        assert_eq!(error.fault(), Fault::Unreachable);
        assert_eq!(
            error.to_string(),
            "sink pg: nobody answers: batch 7 with 2 rows was not taken, and was given again 3 times: \
             it is given again when the query is started again"
        );
        let (written, ..) =
            write(vec![Error::new(Fault::NoSpace, "the disk is full"); 9], Some(3), &Stop::default());
        assert_eq!(written.map_err(|error| error.fault()), Err(Fault::NoSpace));
        let stop = Stop::default();
        stop.request();
        let (written, ..) = write(vec![away(); 9], None, &stop);
        assert!(written.expect_err("stopped").to_string().contains("given again 0 times"));
    }

    /// Has a batch until somebody was told of it.
    struct Slow(std::sync::mpsc::Receiver<()>);

    impl Sink for Slow {
        fn write(&mut self, _: &Batch<'_>) -> Result<()> {
            self.0.recv().map_err(|error| Error::failed(error.to_string()))
        }
    }

    #[test]
    fn a_sink_that_takes_its_time_is_told_of_once() {
        let (told, lines) = std::sync::mpsc::channel();
        let (go, wait) = std::sync::mpsc::channel();
        let patience = Patience {
            retries: None,
            slow: Some(Duration::from_secs(10)),
            timer: Arc::new(ManualClock::at(0)),
            stop: Stop::default(),
            dice: || 0.5,
            tell: Box::new(move |line| {
                told.send(line.to_string()).expect("heard");
                let _ = go.send(());
            }),
        };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("n", column)]).expect("a column");
        let batch =
            Batch { id: 3, columns: rows.schema(), rows: Rows::Held(&[rows]), records: 1, total_records: 1 };
        assert_eq!(Retrying::new("pg", Box::new(Slow(wait)), patience).write(&batch), Ok(()));
        let lines: Vec<_> = lines.iter().collect();
        assert_eq!(
            lines,
            [
                "sink pg: batch 3 with 1 row is not taken after 10s, and is waited for",
                "sink pg: batch 3 with 1 row was taken after 10s"
            ]
        );
    }
}
