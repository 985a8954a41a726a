//! Numbered batches for sinks, and a process of their own that writes them and can be killed.

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use ecap::sink::{Batch, Rows, Sink};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Rows of a batch.
pub const ROWS: i64 = 50;

/// How often a process is killed: 5 times, or as often as a long run says.
pub fn kills() -> u64 {
    crate::support::number("ECAP_TEST_KILLS", 5)
}

/// The rows of a batch: `id` is a number that no other row has.
pub fn rows(batch: u64) -> RecordBatch {
    let ids: Vec<_> = (0..ROWS).map(|row| batch as i64 * ROWS + row).collect();
    let users: Vec<_> = ids.iter().map(|id| format!("u{}", id % 7)).collect();
    let (ids, users): (ArrayRef, ArrayRef) =
        (Arc::new(Int64Array::from(ids)), Arc::new(StringArray::from(users)));
    RecordBatch::try_from_iter([("id", ids), ("user", users)]).unwrap()
}

/// Writes a batch.
pub fn write(sink: &mut dyn Sink, batch: u64) -> ecap::Result<()> {
    let rows = [rows(batch)];
    let (columns, rows) = (rows[0].schema(), Rows::Held(&rows));
    sink.write(&Batch { id: batch, columns, rows, records: 0, total_records: 0 })
}

/// The ids of so many batches.
pub fn ids(batches: u64) -> std::ops::Range<i64> {
    0..batches as i64 * ROWS
}

/// What the process does: it writes the batches from the one that it was told, and says of each that it was taken.
pub fn write_as_told(open: impl FnOnce(&str) -> Box<dyn Sink>) {
    let Ok(told) = std::env::var("ECAP_TEST_WRITE") else { return };
    let [place, from, to] = told.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let mut sink = open(place);
    for batch in from.parse().unwrap()..to.parse().unwrap() {
        write(&mut *sink, batch).unwrap();
        writeln!(std::io::stdout().lock(), "\ntaken {batch}").unwrap();
    }
}

/// Has `test` of this binary write all batches to a place, killed again and again and started with the batch behind the
/// last one that it is known to have written. How many there are then.
pub fn killed_again_and_again(test: &str, place: &str) -> u64 {
    let (mut next, batches) = (0, kills() * 8);
    for kill in 0..kills() {
        let mut child = start(test, place, next, batches);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let taken = |line: String| line.strip_prefix("taken ").map(|batch| batch.parse::<u64>().unwrap());
        for _ in 0..kill * 3 % 7 {
            next = lines.by_ref().find_map(taken).map_or(next, |batch| batch + 1);
        }
        // Anywhere in a batch.
        std::thread::sleep(std::time::Duration::from_micros(kill * 7_919 % 10_000));
        child.kill().unwrap();
        child.wait().unwrap();
        next = lines.filter_map(taken).last().map_or(next, |batch| batch + 1);
    }
    assert!(start(test, place, next, batches).wait().unwrap().success());
    batches
}

fn start(test: &str, place: &str, from: u64, to: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"]);
    command.env("ECAP_TEST_WRITE", format!("{place} {from} {to}"));
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}
