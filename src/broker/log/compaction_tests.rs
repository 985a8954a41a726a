use super::*;
use crate::broker::batch::tests::{Line, keyed};
use crate::broker::log::Admitted;
use crate::broker::settings::{self, Settings};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

const HOUR: i64 = 3_600_000;

/// Tombstones stay for an hour.
fn rules(more: &[(&str, &str)]) -> Rules {
    let all = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0"),
        ("delete.retention.ms", "3600000"),
    ];
    let all = all.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string()));
    Rules { ahead_ms: i64::MAX, segment_bytes: 400, ..settings::rules(&all.collect::<Settings>(), false) }
}

fn append(log: &mut Log, lines: &[Line<'_>], time: i64, codec: i16, rules: &Rules) -> i64 {
    let batch = keyed(lines, time, codec);
    log.append(&Admitted::new(&batch, rules, time).unwrap(), rules, time).unwrap().offset
}

/// Offset, key, value and time of every record from `offset` on, as a consumer gets them.
type Read = Vec<(i64, String, Option<String>, i64)>;

fn read(log: &Log) -> Read {
    let mut all = Read::new();
    let mut offset = log.start();
    while let Some((_, span)) = log.read_from(offset).unwrap() {
        span.batches(|header, batch| {
            assert!(header.checks(batch) && header.next_offset() > offset);
            let mut records = header.records(batch).unwrap();
            while let Some(record) = records.next().unwrap() {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let at = header.base_offset + record.offset_delta;
                let value = record.value().map(text);
                all.push((at, text(record.key.unwrap()), value, header.time_of(&record)));
            }
            offset = header.next_offset();
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    all
}

fn compact(log: Log, rules: &Rules, now_ms: i64, most_keys: usize) -> Log {
    let log = RefCell::new(log);
    let next = || log.borrow().compaction(rules, now_ms);
    while let Some(pass) = next() {
        assert!(Pass { most_keys, syncs: false, ..pass }.run(|| log.borrow_mut(), || false).unwrap());
    }
    log.into_inner()
}

/// Closes the segment that is written to.
fn roll(log: &mut Log, time: i64, rules: &Rules) {
    append(log, &[("roll", Some(""))], time, 0, &Rules { segment_bytes: 1, ..*rules });
}

#[test]
fn of_each_key_the_last_record_stays_with_its_offset_and_time_in_every_codec() {
    for codec in 0..=4 {
        let folder = tempfile::tempdir().unwrap();
        for folder in [None, Some(folder.path())] {
            let rules = rules(&[]);
            let mut log = Log::open(folder).unwrap();
            append(&mut log, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))], 10, codec, &rules);
            append(&mut log, &[("c", Some("1")), ("b", Some("2"))], 20, codec, &rules);
            roll(&mut log, 30, &rules);
            let mut log = compact(log, &rules, 40, MOST_KEYS);
            let record =
                |at: i64, key: &str, value: &str, time| (at, key.to_string(), Some(value.to_string()), time);
            let left = [
                record(2, "a", "2", 12),
                record(3, "c", "1", 20),
                record(4, "b", "2", 21),
                record(5, "roll", "", 30),
            ];
            assert_eq!(read(&log), left, "codec {codec}");
            assert_eq!((log.start(), log.end()), (0, 6));
            assert_eq!(log.find_time(11).unwrap(), Some((2, 12)));
            // Records in the segment that is written to are left alone.
            append(&mut log, &[("roll", Some("2"))], 50, codec, &rules);
            assert_eq!(read(&compact(log, &rules, 60, MOST_KEYS)).len(), 5);
        }
    }
}

#[test]
fn a_tombstone_stays_for_its_time_after_its_first_compaction() {
    let rules = rules(&[]);
    let mut log = Log::open(None).unwrap();
    append(&mut log, &[("a", Some("1"))], 10, 0, &rules);
    append(&mut log, &[("a", None), ("b", Some("1"))], 20, 0, &rules);
    roll(&mut log, 30, &rules);
    let keys = |log: &Log| {
        let named = read(log).into_iter().filter(|record| record.1 != "roll");
        named.map(|record| (record.0, record.1)).collect::<Vec<_>>()
    };
    let named = |all: &[(i64, &str)]| all.iter().map(|(at, key)| (*at, key.to_string())).collect::<Vec<_>>();
    let mut log = compact(log, &rules, 3 * HOUR, MOST_KEYS);
    assert_eq!(keys(&log), named(&[(1, "a"), (2, "b")]));
    assert_eq!(read(&log)[0].3, 20, "its own time is still told");
    // It takes something new for another pass.
    roll(&mut log, 40, &rules);
    let mut log = compact(log, &rules, 4 * HOUR - 1, MOST_KEYS);
    assert_eq!(keys(&log), named(&[(1, "a"), (2, "b")]));
    roll(&mut log, 50, &rules);
    let log = compact(log, &rules, 4 * HOUR, MOST_KEYS);
    assert_eq!(keys(&log), named(&[(2, "b")]));
}

#[test]
fn it_waits_for_the_ratio_and_the_lags() {
    let waits = |more: &[(&str, &str)], now_ms| {
        let patient = rules(more);
        let mut log = Log::open(None).unwrap();
        append(&mut log, &[("a", Some("1"))], 1_000, 0, &patient);
        roll(&mut log, 1_000, &patient);
        let mut log = compact(log, &rules(&[]), 1_000, MOST_KEYS);
        append(&mut log, &[("a", Some("1"))], 2_000, 0, &patient);
        roll(&mut log, 3_000, &patient);
        log.compaction(&patient, now_ms).is_none()
    };
    assert!(!waits(&[], 3_000));
    assert!(waits(&[("min.cleanable.dirty.ratio", "0.9")], 3_000));
    assert!(!waits(&[("min.cleanable.dirty.ratio", "0.5")], 3_000));
    assert!(waits(&[("min.compaction.lag.ms", "100")], 2_099));
    assert!(!waits(&[("min.compaction.lag.ms", "100")], 2_100));
    let late = [("min.cleanable.dirty.ratio", "1"), ("max.compaction.lag.ms", "500")];
    assert!(waits(&late, 1_500));
    assert!(!waits(&late, 2_600));
}

#[test]
fn small_segments_become_one_and_the_producers_last_batch_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(&[]);
    let mut log = Log::open(Some(folder.path())).unwrap();
    for at in 0..50 {
        append(&mut log, &[("a", Some(&format!("{at} {}", "x".repeat(150))))], at, 0, &rules);
    }
    roll(&mut log, 60, &rules);
    let files = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".log")).count()
    };
    assert!(files(folder.path()) > 20);
    let rules = Rules { segment_bytes: 1 << 20, ..rules };
    let log = compact(log, &rules, 100, MOST_KEYS);
    assert_eq!((files(folder.path()), read(&log).len()), (2, 2));
    let before = read(&log);
    drop(log);
    let log = Log::open(Some(folder.path())).unwrap();
    assert_eq!((read(&log), log.end()), (before, 51));
    assert!(log.compaction(&rules, 100).is_none(), "it knows how far it came");
}

#[test]
fn a_reader_finishes_with_the_bytes_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(&[]);
    let mut log = Log::open(Some(folder.path())).unwrap();
    append(&mut log, &[("a", Some("1"))], 1, 0, &rules);
    append(&mut log, &[("a", Some("2"))], 2, 0, &rules);
    roll(&mut log, 3, &rules);
    let (segment, span) = log.read_from(0).unwrap().unwrap();
    let mut log = compact(log, &rules, 10, MOST_KEYS);
    let (bytes, next) = span.read(1, 1_000).unwrap();
    assert_eq!(next, Some(1));
    log.remember(segment, 1, &span, bytes.len() as u64);
    assert!(log.places.is_empty(), "a place in bytes that are gone");
    assert_eq!(read(&log).len(), 2);
}

#[test]
fn what_was_deleted_meanwhile_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(&[]);
    let mut log = Log::open(Some(folder.path())).unwrap();
    for time in 0..9 {
        append(&mut log, &[("a", Some(&"1".repeat(300)))], time, 0, &rules);
    }
    roll(&mut log, 10, &rules);
    let pass = log.compaction(&rules, 20).unwrap();
    log.delete_before(5).unwrap();
    let log = RefCell::new(log);
    assert!(!pass.run(|| log.borrow_mut(), || false).unwrap());
    let pass = log.borrow().compaction(&rules, 20).unwrap();
    assert!(!pass.run(|| log.borrow_mut(), || true).unwrap(), "it was asked to stop");
    let pass = log.borrow().compaction(&rules, 20).unwrap();
    log.borrow_mut().end_for_good();
    assert!(!pass.run(|| log.borrow_mut(), || false).unwrap(), "the topic was deleted");
    let aside = std::fs::read_dir(folder.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "compacted")
    });
    assert_eq!(aside.count(), 0);
    assert_eq!(read(&log.into_inner()).len(), 5);
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_log_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(&[]);
    let mut log = Log::open(Some(folder.path())).unwrap();
    for time in 0..9 {
        append(&mut log, &[("a", Some("1"))], time, 0, &rules);
    }
    roll(&mut log, 10, &rules);
    let before = read(&log);
    // Where the new file would be written there is a folder.
    let taken = folder.path().join("00000000000000000000.compacted");
    std::fs::create_dir(&taken).unwrap();
    let log = RefCell::new(log);
    let pass = log.borrow().compaction(&rules, 20).unwrap();
    assert!(pass.run(|| log.borrow_mut(), || false).is_err());
    assert_eq!(read(&log.borrow()), before);
    std::fs::remove_dir(&taken).unwrap();
    assert_eq!(read(&compact(log.into_inner(), &rules, 20, MOST_KEYS)).len(), 2);
}

#[test]
fn a_crash_at_any_step_of_a_replacement_loses_nothing() {
    let rules = rules(&[]);
    let made = || {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(Some(folder.path())).unwrap();
        for at in 0..30_i64 {
            let key = (at % 5).to_string();
            append(&mut log, &[(&key, Some(&"x".repeat(100)))], at, 0, &rules);
        }
        roll(&mut log, 40, &rules);
        (folder, log)
    };
    let copy = |from: &Path, to: &Path| {
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    };
    let wide = Rules { segment_bytes: 1 << 20, ..rules };
    let (before, log) = made();
    let old = tempfile::tempdir().unwrap();
    copy(before.path(), old.path());
    let log = compact(log, &wide, 50, MOST_KEYS);
    let expected = read(&log);
    assert_eq!(expected.len(), 6);
    let first = "00000000000000000000";
    // Everything of the old log, and the new file aside, half of it, or in its place without the rest.
    let whole = std::fs::read(before.path().join(format!("{first}.log"))).unwrap();
    for (name, bytes, index) in [
        ("compacted", &whole[..whole.len() / 2], true),
        ("compacted", &whole[..], true),
        ("compacted", &whole[..], false),
        ("log", &whole[..], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(old.path(), folder.path());
        if !index {
            std::fs::remove_file(folder.path().join(format!("{first}.index"))).unwrap();
        }
        std::fs::write(folder.path().join(format!("{first}.{name}")), bytes).unwrap();
        let log = Log::open(Some(folder.path())).unwrap();
        let found = read(&log);
        assert_eq!(found.len(), if name == "log" { 6 } else { 31 }, "{name}");
        let log = compact(log, &wide, 50, MOST_KEYS);
        assert_eq!(read(&log), expected, "{name}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Keys with whether they get a value, in one batch, and its codec.
    Write(Vec<(u8, bool)>, i16),
    Wait(i64),
    Compact(usize),
    Restart,
    Roll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::collection::vec((0..6_u8, prop::bool::weighted(0.7)), 1..5), 0..=4_i16)
            .prop_map(|(lines, codec)| Step::Write(lines, codec)),
        2 => (1..2 * HOUR).prop_map(Step::Wait),
        2 => (1..8_usize).prop_map(Step::Compact),
        1 => Just(Step::Restart),
        1 => Just(Step::Roll),
    ]
}

proptest! {
    #[test]
    fn the_last_value_of_each_key_is_there_and_nothing_goes_early(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let rules = rules(&[]);
        let mut log = Log::open(Some(folder.path())).unwrap();
        let mut now = 1_000_000_i64;
        let mut written: BTreeMap<i64, (String, Option<String>, i64)> = BTreeMap::new();
        for (count, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(lines, codec) => {
                    let named: Vec<(String, Option<String>)> = lines.iter().map(|(key, valued)| {
                        (key.to_string(), valued.then(|| format!("{count}")))
                    }).collect();
                    let lines: Vec<Line<'_>> =
                        named.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
                    let base = append(&mut log, &lines, now, codec, &rules);
                    for (at, (key, value)) in (0..).zip(named) {
                        written.insert(base + at, (key, value, now + at));
                    }
                }
                Step::Roll => {
                    let base = log.end();
                    roll(&mut log, now, &rules);
                    written.insert(base, ("roll".into(), Some(String::new()), now));
                }
                Step::Wait(time) => now += time,
                Step::Compact(most) => log = compact(log, &rules, now, most),
                Step::Restart => log = Log::open(Some(folder.path())).unwrap(),
            }
            let found = read(&log);
            prop_assert!(found.is_sorted_by_key(|record| record.0));
            prop_assert_eq!(log.end(), written.last_key_value().map_or(0, |(last, _)| last + 1));
            for (offset, key, value, time) in &found {
                prop_assert_eq!(&written[offset], &(key.clone(), value.clone(), *time));
            }
            let mut last: BTreeMap<&str, i64> = BTreeMap::new();
            last.extend(written.iter().map(|(offset, (key, ..))| (key.as_str(), *offset)));
            for offset in last.values() {
                let (_, value, time) = &written[offset];
                let there = found.iter().any(|record| record.0 == *offset);
                // A tombstone's time cannot have begun before it was written.
                prop_assert!(there || value.is_none() && now - time >= HOUR, "offset {} is gone", offset);
            }
        }
        // All that is closed is compacted: no key twice.
        roll(&mut log, now, &rules);
        let log = compact(log, &rules, now, MOST_KEYS);
        let mut keys: Vec<String> = read(&log).into_iter().map(|record| record.1).filter(|key| key != "roll").collect();
        keys.sort();
        let count = keys.len();
        keys.dedup();
        prop_assert_eq!(keys.len(), count);
    }
}

#[test]
fn an_aborted_record_goes_and_hides_none() {
    use crate::broker::batch::tests::transacted;
    use crate::broker::marker::{Marker, Outcome};
    let rules = rules(&[("segment.bytes", "14")]);
    let free = Rules { compaction: None, ..rules };
    let mut log = Log::open(None).unwrap();
    append(&mut log, &[("k", Some("kept"))], 0, 0, &rules);
    for (sequence, outcome) in [(0, Outcome::Abort), (2, Outcome::Commit)] {
        // These records have no key: an aborted one goes, a committed one is gone for good.
        let batch = transacted(2, 0, 7, 0, sequence);
        log.append_first(&Admitted::new(&batch, &free, 0).unwrap(), &free, 0).unwrap();
        let marker = Marker { producer_id: 7, producer_epoch: 0, outcome, coordinator_epoch: 0 };
        log.end_transaction(&marker, &rules, 0).unwrap();
    }
    append(&mut log, &[("other", Some("last"))], 0, 0, &rules);
    log.roll().unwrap();
    let log = compact(log, &rules, 10 * HOUR, 100);
    let aborted = log.aborted_between(0, log.last_stable()).unwrap();
    assert_eq!((aborted[0].first, aborted[0].marker), (1, 3));
    let mut left = Vec::new();
    let mut offset = log.start();
    while let Some((_, span)) = log.read_stable_from(offset).unwrap() {
        span.batches(|header, _| {
            left.push((header.base_offset, header.is_control(), header.count));
            offset = header.next_offset();
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    assert!(left.contains(&(3, true, 1)), "its marker stays, as readers wait for it: {left:?}");
    assert!(!left.iter().any(|(offset, _, count)| *offset == 1 && *count > 0), "{left:?}");
    assert!(left.contains(&(0, false, 1)) && left.contains(&(7, false, 1)), "{left:?}");
}
