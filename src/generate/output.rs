//! Records to bytes, by one thread or by several: the bytes are the same.

use super::records::Item;
use super::timeline::Timeline;
use crate::clock::Micros;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// So many records are written at once.
const BATCH: u64 = 512;

/// So many batches wait before and behind each thread.
const WAITING: usize = 2;

/// How much is written.
#[derive(Debug, Clone)]
pub struct Extent {
    /// From which row on, and before which.
    pub rows: Range<u64>,
    /// At most so many bytes, in whole records.
    pub bytes: u64,
    /// Only what happens before this time.
    pub until: Micros,
}

/// Where records go.
pub trait Target {
    /// Takes so many records, each with its line end; false when there is no room for more.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write(&mut self, text: &[u8], records: usize) -> io::Result<bool>;
}

/// Counts what is written, and cuts it at the last record that fits.
pub struct Lines<'a> {
    /// Where the lines go.
    pub out: &'a mut dyn Write,
    /// How many bytes there is room for.
    pub left: u64,
    /// How many records were written.
    pub records: u64,
}

impl Target for Lines<'_> {
    fn write(&mut self, text: &[u8], records: usize) -> io::Result<bool> {
        if text.len() as u64 <= self.left {
            self.left -= text.len() as u64;
            self.records += records as u64;
            return self.out.write_all(text).map(|()| true);
        }
        let fits = &text[..self.left as usize];
        let end = fits.iter().rposition(|byte| *byte == b'\n').map_or(0, |line_end| line_end + 1);
        self.records += fits[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.out.write_all(&fits[..end])?;
        Ok(false)
    }
}

/// Writes records with so many threads.
///
/// # Errors
/// When `target` cannot be written.
pub fn write(
    timeline: &Timeline,
    extent: &Extent,
    threads: usize,
    target: &mut dyn Target,
) -> io::Result<()> {
    if threads > 1 {
        return write_in_parallel(timeline, extent, threads, target);
    }
    let mut text = Vec::new();
    each_batch(timeline, extent, |items| {
        text.clear();
        items.iter().for_each(|item| timeline.write_record(item, &mut text));
        target.write(&text, items.len())
    })
}

/// Gives the rows in batches until there are no more, or nobody wants more.
pub fn each_batch(
    timeline: &Timeline,
    extent: &Extent,
    mut each: impl FnMut(&[Item]) -> io::Result<bool>,
) -> io::Result<()> {
    let rows = &extent.rows;
    let mut records = timeline.records(rows.start, extent.until);
    let (mut left, mut items) = (rows.end.saturating_sub(rows.start), Vec::new());
    while left > 0 {
        items.clear();
        records.next(left.min(BATCH) as usize, &mut items);
        if items.is_empty() || !each(&items)? {
            break;
        }
        left -= items.len() as u64;
    }
    Ok(())
}

/// One thread finds the records, the others turn batches of them into text in turn, and this one writes
/// the text in the same turn.
fn write_in_parallel(
    timeline: &Timeline,
    extent: &Extent,
    threads: usize,
    target: &mut dyn Target,
) -> io::Result<()> {
    thread::scope(|scope| {
        let (mut batches, mut texts) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (batch, to_do) = sync_channel::<Vec<Item>>(WAITING);
            let (done, text) = sync_channel(WAITING);
            scope.spawn(move || render(timeline, &to_do, &done));
            batches.push(batch);
            texts.push(text);
        }
        scope.spawn(move || {
            let mut turn = batches.iter().cycle();
            // A thread that takes no more says that nobody wants more.
            let hand_over =
                |items: &[Item]| Ok(turn.next().is_some_and(|batch| batch.send(items.to_vec()).is_ok()));
            each_batch(timeline, extent, hand_over)
        });
        for text in texts.iter().cycle() {
            match text.recv() {
                Ok((text, records)) if target.write(&text, records)? => {}
                _ => break,
            }
        }
        Ok(())
    })
}

fn render(timeline: &Timeline, batches: &Receiver<Vec<Item>>, texts: &SyncSender<(Vec<u8>, usize)>) {
    for items in batches {
        let mut text = Vec::with_capacity(items.len() * 1_024);
        items.iter().for_each(|item| timeline.write_record(item, &mut text));
        if texts.send((text, items.len())).is_err() {
            return;
        }
    }
}
