use super::*;
use crate::broker::batch::HEADER_SIZE;
use crate::broker::batch::tests::{batch, produced};
use crate::broker::settings::{self, Settings};
use bytes::Bytes;

fn rules() -> Rules {
    Rules { ahead_ms: i64::MAX, ..settings::rules(&Settings::new(), false) }
}

fn append(log: &mut Log, batch: &[u8]) -> i64 {
    store(log, batch, &rules(), 0).unwrap().offset
}

fn store(log: &mut Log, batch: &[u8], rules: &Rules, now_ms: i64) -> Result<Placed, ResponseError> {
    let batch = Admitted::new(batch, rules, now_ms).map_err(|refused| refused.error)?;
    log.append(&batch, rules, now_ms)
}

fn read(log: &Log, offset: i64, limit: usize) -> (Vec<u8>, Option<i64>) {
    let (bytes, next) = match log.read_from(offset).unwrap() {
        Some((_, span)) => span.read(limit, usize::MAX).unwrap(),
        None => Default::default(),
    };
    (bytes.to_vec(), next)
}

#[test]
fn batches_come_back_as_they_went_in_with_their_offsets() {
    let folder = tempfile::tempdir().unwrap();
    for folder in [None, Some(folder.path())] {
        let mut log = Log::open(folder).unwrap();
        let one = batch(3, 50, 100);
        assert_eq!([0, 3, 6], [0, 1, 2].map(|_| append(&mut log, &one)));
        let (bytes, next) = read(&log, 4, usize::MAX);
        assert_eq!((bytes.len(), next), (one.len() * 2, Some(9)), "from the batch that holds it");
        assert_eq!(Header::read(&bytes).unwrap().base_offset, 3);
        assert_eq!(bytes[HEADER_SIZE..one.len()], one[HEADER_SIZE..]);
        assert_eq!(read(&log, 0, 1), (read(&log, 0, one.len()).0, Some(3)), "one batch at least");
        let (_, span) = log.read_from(0).unwrap().unwrap();
        assert_eq!(span.read(1, one.len()).unwrap().1, Some(3));
        assert_eq!(span.read(1, one.len() - 1).unwrap(), (Bytes::new(), None));
        assert!(log.read_from(9).unwrap().is_none());
        assert_eq!(log.read_from(10).err(), Some(ResponseError::OffsetOutOfRange));
    }
}

#[test]
fn a_torn_tail_is_cut_at_start_and_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(Some(folder.path())).unwrap();
    let one = batch(2, 50, 100);
    append(&mut log, &one);
    append(&mut log, &one);
    drop(log);
    let path = folder.path().join("00000000000000000000.log");
    let whole = std::fs::read(&path).unwrap();
    for torn in [&whole[..whole.len() - 1], &[&whole[..], b"half a batch"].concat(), &{
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        flipped
    }] {
        std::fs::write(&path, torn).unwrap();
        let log = Log::open(Some(folder.path())).unwrap();
        let kept = if torn.len() > whole.len() { 4 } else { 2 };
        assert_eq!(log.end(), kept);
        assert_eq!(log.size(), one.len() as u64 * kept as u64 / 2);
    }
    let mut log = Log::open(Some(folder.path())).unwrap();
    assert_eq!(append(&mut log, &one), 2);
}

#[test]
fn segments_roll_are_found_again_and_expire() {
    let folder = tempfile::tempdir().unwrap();
    let one = batch(10, 1_000, 5_000);
    let small = Rules { segment_bytes: one.len() as u64 * 3, retention_ms: 1_000, ..rules() };
    let mut log = Log::open(Some(folder.path())).unwrap();
    for at in 0..10 {
        store(&mut log, &batch(10, 1_000, at * 100), &small, 0).unwrap();
    }
    drop(log);
    let mut log = Log::open(Some(folder.path())).unwrap();
    assert_eq!((log.start(), log.end()), (0, 100));
    for offset in 0..100 {
        let (bytes, _) = read(&log, offset, 1);
        assert_eq!(Header::read(&bytes).unwrap().base_offset, offset / 10 * 10);
    }
    assert_eq!(log.find_time(305).unwrap(), Some((35, 305)));
    assert_eq!(log.find_time(2_000).unwrap(), None);
    assert_eq!(log.find_max_time().unwrap(), Some((99, 909)));
    log.expire(&small, 1_600, 0);
    assert_eq!(log.start(), 60, "segments of three batches; two are older than a second");
    log.expire(&small, 10_000, 0);
    assert_eq!((log.start(), log.end(), log.size()), (100, 100, 0));
    assert_eq!(append(&mut log, &one), 100);
}

#[test]
fn records_before_an_offset_are_deleted_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(Some(folder.path())).unwrap();
    for _ in 0..3 {
        append(&mut log, &batch(10, 10, 0));
    }
    assert_eq!(log.delete_before(15), Ok(15));
    assert_eq!(log.delete_before(31), Err(ResponseError::OffsetOutOfRange));
    let log = Log::open(Some(folder.path())).unwrap();
    assert_eq!((log.start(), log.end()), (15, 30));
    assert_eq!(log.read_from(14).err(), Some(ResponseError::OffsetOutOfRange));
}

#[test]
fn a_producer_is_remembered_over_a_restart_and_over_segments() {
    let folder = tempfile::tempdir().unwrap();
    let small = Rules { segment_bytes: 1, ..rules() };
    let mut log = Log::open(Some(folder.path())).unwrap();
    for sequence in [0, 2, 4] {
        store(&mut log, &produced(2, 10, 0, 7, 0, sequence), &small, 0).unwrap();
    }
    let mut log = Log::open(Some(folder.path())).unwrap();
    let again = store(&mut log, &produced(2, 10, 0, 7, 0, 2), &small, 0).unwrap();
    assert_eq!((again.offset, again.repeated, log.end()), (2, true, 6));
    let gap = store(&mut log, &produced(2, 10, 0, 7, 0, 9), &small, 0);
    assert_eq!(gap, Err(ResponseError::OutOfOrderSequenceNumber));
}

#[test]
fn a_batch_that_kafka_would_refuse_is_refused() {
    let mut log = Log::open(None).unwrap();
    let mut refused = |bytes: &[u8], rules: &Rules| store(&mut log, bytes, rules, 0).unwrap_err();
    let good = batch(2, 10, 0);
    let mut flipped = good.to_vec();
    flipped[70] ^= 1;
    assert_eq!(refused(b"", &rules()), ResponseError::CorruptMessage);
    assert_eq!(refused(&flipped, &rules()), ResponseError::CorruptMessage);
    assert_eq!(refused(&[&good[..], &good[..]].concat(), &rules()), ResponseError::InvalidRecord);
    let small = Rules { max_batch_bytes: 70, ..rules() };
    assert_eq!(refused(&good, &small), ResponseError::MessageTooLarge);
    let punctual = Rules { ahead_ms: 10, ..rules() };
    assert_eq!(refused(&batch(1, 1, 11), &punctual), ResponseError::InvalidTimestamp);
    let prompt = Rules { behind_ms: 10, ..rules() };
    assert_eq!(refused(&batch(20, 1, -30), &prompt), ResponseError::InvalidTimestamp);
    let stamped = Header::read(&good).unwrap().stamp(0, &good[HEADER_SIZE..]);
    let stamped = [&stamped.bytes()[..], &good[HEADER_SIZE..]].concat();
    assert_eq!(
        refused(&stamped, &rules()),
        ResponseError::InvalidTimestamp,
        "the time is the broker's to set"
    );
    let compacted = settings::rules(&Settings::from([("cleanup.policy".into(), "compact".into())]), false);
    let compacted = Rules { ahead_ms: i64::MAX, ..compacted };
    assert_eq!(refused(&good, &compacted), ResponseError::InvalidRecord);
    assert_eq!(log.end(), 0);
}

#[test]
fn the_brokers_time_replaces_the_records_where_the_topic_says_so() {
    let mut log = Log::open(None).unwrap();
    let stamps = Rules { stamps: true, ..rules() };
    let placed = store(&mut log, &batch(2, 10, 7), &stamps, 1_234).unwrap();
    assert_eq!(placed.stamp, 1_234);
    assert_eq!(log.find_time(8).unwrap(), Some((0, 1_234)));
}

#[test]
fn a_topic_with_a_codec_keeps_batches_of_it_and_packs_others_anew() {
    let mut log = Log::open(None).unwrap();
    let gzip = settings::rules(&Settings::from([("compression.type".into(), "gzip".into())]), false);
    let gzip = Rules { ahead_ms: i64::MAX, ..gzip };
    store(&mut log, &batch(100, 100, 7), &gzip, 0).unwrap();
    let (packed, _) = read(&log, 0, usize::MAX);
    let header = Header::read(&packed).unwrap();
    assert!(header.codec() == 1 && packed.len() < 1_000 && header.checks(&packed));
    assert_eq!(log.find_time(50).unwrap(), Some((43, 50)));
    store(&mut log, &packed, &gzip, 0).unwrap();
    let (again, _) = read(&log, 100, usize::MAX);
    assert!(again[HEADER_SIZE..] == packed[HEADER_SIZE..], "the same bytes");
    let small = Rules { max_batch_bytes: 2_000, codec: Some(Codec { number: 0, level: 0 }), ..gzip };
    assert_eq!(store(&mut log, &packed, &small, 0), Err(ResponseError::MessageTooLarge));
}

#[test]
fn a_segment_ends_before_its_time_by_a_random_part_of_the_jitter() {
    let rolled = |jitter| {
        let rules = Rules { segment_ms: 1_000, segment_jitter_ms: jitter, ..rules() };
        let mut log = Log::open(None).unwrap();
        (0..=1_001).find(|at| {
            store(&mut log, &batch(1, 1, *at), &rules, 0).unwrap();
            log.segments.len() > 1
        })
    };
    assert_eq!(rolled(0), Some(1_001));
    let times: Vec<i64> = (0..20).filter_map(|_| rolled(2_000)).collect();
    assert!(times.len() == 20 && times.iter().any(|time| *time != times[0]), "{times:?}");
}

#[test]
fn a_start_goes_on_from_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(Some(folder.path())).unwrap();
    let send =
        |log: &mut Log, sequence| store(log, &produced(2, 50, 100, 7, 0, sequence), &rules(), 0).unwrap();
    (0..50).for_each(|at| assert!(!send(&mut log, at * 2).repeated));
    log.checkpoint();
    (50..60).for_each(|at| assert!(!send(&mut log, at * 2).repeated));
    drop(log);
    let path = folder.path().join("00000000000000000000.log");
    let whole = std::fs::read(&path).unwrap();
    let mut log = Log::open(Some(folder.path())).unwrap();
    assert_eq!((log.end(), log.size()), (120, whole.len() as u64));
    assert!(send(&mut log, 118).repeated && send(&mut log, 116).repeated);
    assert_eq!(read(&log, 77, 1).1, Some(78));

    // Bytes that the checkpoint knows are gone: everything is checked, and what is gone is forgotten.
    std::fs::write(&path, &whole[..whole.len() / 2 - 1]).unwrap();
    let mut log = Log::open(Some(folder.path())).unwrap();
    assert_eq!(log.end(), 58);
    assert!(send(&mut log, 56).repeated && !send(&mut log, 58).repeated);
}
