//! Bytes that no client would send.

use super::*;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use ecap::broker::{Config, Storage};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends bytes, tells the broker that no more come, and waits until it has closed the connection.
fn throw(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may have closed already, which is an answer too.
    stream.write_all(bytes).ok();
    stream.shutdown(std::net::Shutdown::Write).ok();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("it neither answers nor closes")
        }
        _ => answer,
    }
}

pub fn frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame.put_i32(10 + body.len() as i32);
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(7);
    frame.put_i16(-1);
    frame.put_slice(body);
    frame.to_vec()
}

#[test]
fn garbage_closes_a_connection_and_nothing_else() {
    let served = Served::with_topic("t", 1);
    let address = served.address();
    let mut random = ChaCha8Rng::seed_from_u64(42);
    for _ in 0..300 {
        let mut bytes = vec![0; random.random_range(0..200)];
        random.fill_bytes(&mut bytes);
        throw(&address, &bytes);
        // The same as the body of a request that is known.
        throw(&address, &frame(random.random_range(0..70), random.random_range(0..14), &bytes));
    }
    for claim in [i32::MAX, -1, 0, 7, 200 << 20] {
        assert!(throw(&address, &claim.to_be_bytes()).is_empty());
        assert!(throw(&address, &[&claim.to_be_bytes()[..], &[0; 100]].concat()).is_empty());
    }
    send(&producer(&address, &[]), "t", 0, "still here").unwrap();
    assert_eq!(values(&address, "t", 0, 1), ["still here"]);
}

#[test]
fn fourteen_bytes_that_claim_two_billion_items_are_harmless() {
    let served = Served::new();
    let claim = i32::MAX.to_be_bytes();
    for (key, version) in [(3, 1), (2, 1), (1, 4), (9, 1), (19, 2), (42, 0)] {
        assert!(throw(&served.address(), &frame(key, version, &claim)).is_empty());
    }
    create(&served.address(), "t", 1, &[]).unwrap();
}

#[test]
fn half_requests_hold_no_one_up() {
    let served = Served::with_topic("t", 1);
    let halves: Vec<TcpStream> = (0..200)
        .map(|at| {
            let mut stream = TcpStream::connect(served.address()).unwrap();
            let whole = [&(90_i32 << 20).to_be_bytes()[..], &[0, 0, 0, 3, 0, 0, 0, 1]].concat();
            stream.write_all(&whole[..at % whole.len()]).unwrap();
            stream
        })
        .collect();
    send(&producer(&served.address(), &[]), "t", 0, "a good client").unwrap();
    drop(halves);
}

#[test]
fn more_connections_than_allowed_are_closed_and_room_comes_back() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config { listen, storage: Storage::Memory, max_connections: 2, ..Config::default() };
    let broker = Broker::start(config).unwrap();
    let address = broker.address().to_string();
    let versions = frame(18, 0, &[]);
    let open = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&versions).ok()?;
        stream.read_exact(&mut [0; 8]).ok().map(|()| stream)
    };
    let two = [open().unwrap(), open().unwrap()];
    assert!(open().is_none());
    drop(two);
    wait_for("room for a connection", open);
}

/// A batch of an idempotent producer.
fn batch(sequence: i32, values: &[&str]) -> Bytes {
    let records: Vec<Record> = (sequence..)
        .zip(values)
        .map(|(sequence, value)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 77,
            producer_epoch: 0,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(sequence),
            sequence,
            timestamp: 1_000,
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: IndexMap::new(),
        })
        .collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

/// Produces a batch to partition 0 of `t`; gives error code and offset.
fn produce(address: &str, batch: &[u8]) -> (i16, i64) {
    let mut body = BytesMut::new();
    body.put_i16(-1);
    body.put_i16(-1);
    body.put_i32(1_000);
    body.put_i32(1);
    body.put_slice(&[0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0]);
    body.put_i32(batch.len() as i32);
    body.put_slice(batch);
    let answer = throw(address, &frame(0, 3, &body));
    // Length, correlation, one topic named t, one partition with its number.
    let mut rest = &answer[4 + 4 + 4 + 3 + 4 + 4..];
    (rest.get_i16(), rest.get_i64())
}

#[test]
fn a_repeated_batch_is_stored_once_and_answered_with_its_old_offset() {
    let served = Served::with_topic("t", 1);
    let (first, second) = (batch(0, &["a", "b"]), batch(2, &["c"]));
    assert_eq!(produce(&served.address(), &first), (0, 0));
    assert_eq!(produce(&served.address(), &second), (0, 2));
    assert_eq!(produce(&served.address(), &first), (0, 0));
    let gap = kafka_protocol::ResponseError::OutOfOrderSequenceNumber.code();
    assert_eq!(produce(&served.address(), &batch(9, &["z"])), (gap, -1));
    let served = served.restart();
    assert_eq!(produce(&served.address(), &second), (0, 2), "it is remembered");
    assert_eq!(values(&served.address(), "t", 0, 3), ["a", "b", "c"]);
}

#[test]
fn a_batch_with_a_wrong_checksum_is_refused() {
    let served = Served::with_topic("t", 1);
    let mut bytes = batch(0, &["a"]).to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let corrupt = kafka_protocol::ResponseError::CorruptMessage.code();
    assert_eq!(produce(&served.address(), &bytes), (corrupt, -1));
    assert_eq!(watermarks(&served.address(), "t", 0), (0, 0));
}
