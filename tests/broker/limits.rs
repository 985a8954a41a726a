//! A thousand bad clients, slow ones and dead ones, while a good one goes on.

use super::*;
use crate::broker::abuse::frame;
use crate::broker::outside::{scrape, with};
use crate::support::took_at_most;
use bytes::BufMut;
use ecap::broker::Config;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Whether the other side ends the connection.
fn is_closed(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it stays open"),
        _ => assert!(rest.is_empty(), "{rest:?}"),
    }
}

#[test]
fn a_good_client_goes_on_among_a_thousand_bad_ones() {
    let config = Config { max_connections: 1_100, ..Config::default() };
    let (broker, metrics) = with(config);
    let address = broker.address().to_string();
    create(&address, "t", 1, &[]).unwrap();
    let producer = producer(&address, &[]);
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let whole = [&(90_i32 << 20).to_be_bytes()[..], &[0, 0, 0, 3, 0, 0, 0, 1], &[7; 200]].concat();
    let mut open = Vec::new();
    let mut sent = Vec::new();
    for bad in 0..1_000 {
        let mut stream = TcpStream::connect(&address).unwrap();
        match bad % 3 {
            0 => stream.write_all(&whole[..random.random_range(1..whole.len())]).unwrap(),
            1 => {
                let mut garbage = vec![0; random.random_range(1..300)];
                random.fill_bytes(&mut garbage);
                stream.write_all(&garbage).ok();
            }
            _ => {}
        }
        open.push(stream);
        if bad % 20 == 0 {
            sent.push(format!("record {bad}"));
            send(&producer, "t", 0, sent.last().unwrap()).unwrap();
        }
    }
    assert_eq!(values(&address, "t", 0, sent.len()), sent);
    let seen = scrape(metrics);
    assert!(seen["kafka_server_socketservermetrics_connection_count"] > 660.0, "{seen:#?}");
    assert_eq!(seen["ecap_broker_connections_refused_total"], 0.0);
    drop(open);
    send(&producer, "t", 0, "and after them").unwrap();
}

#[test]
fn a_silent_connection_is_closed() {
    let (broker, _) = with(Config { idle: Duration::from_millis(300), ..Config::default() });
    let silent = TcpStream::connect(broker.address()).unwrap();
    is_closed(silent);
}

#[test]
fn a_request_that_does_not_come_to_its_end_closes_its_connection() {
    let (broker, metrics) = with(Config { underway: Duration::from_millis(100), ..Config::default() });
    for begun in [&[0, 0, 0, 9][..], &[0, 0, 0, 9, 0, 3], &[0, 0, 1, 0, 0, 3, 0, 1, 0, 0, 0, 1]] {
        let mut stream = TcpStream::connect(broker.address()).unwrap();
        stream.write_all(begun).unwrap();
        is_closed(stream);
    }
    assert_eq!(scrape(metrics)["ecap_broker_connections_broken_total"], 3.0);
}

/// A fetch of everything in partition 0 of `t`, version 4.
fn fetch() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(-1);
    body.put_i32(0);
    body.put_i32(1);
    body.put_i32(i32::MAX);
    body.put_u8(0);
    body.put_i32(1);
    body.put_slice(&[0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0]);
    body.put_i64(0);
    body.put_i32(i32::MAX);
    frame(1, 4, &body)
}

#[test]
fn who_does_not_take_an_answer_is_closed() {
    let (broker, metrics) = with(Config { underway: Duration::from_millis(200), ..Config::default() });
    let address = broker.address().to_string();
    create(&address, "t", 1, &[]).unwrap();
    let producer = producer(&address, &[]);
    send_all(&producer, "t", &vec!["x".repeat(900_000); 4]);
    let mut stream = TcpStream::connect(&address).unwrap();
    let asks = fetch().repeat(50);
    stream.write_all(&asks).unwrap();
    wait_for("the connection to be closed", || {
        (scrape(metrics)["ecap_broker_connections_broken_total"] >= 1.0).then_some(())
    });
    send(&producer, "t", 0, "a good client").unwrap();
}

#[test]
fn large_requests_share_their_room_and_all_arrive() {
    let served = Served::new();
    let address = served.address();
    create(&address, "t", 1, &[("max.message.bytes", "50000000")]).unwrap();
    // Six requests of 30 MiB are more than the room for all requests, which is 128 MiB.
    let large = "x".repeat(30 << 20);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let producer = producer(&address, &[("message.max.bytes", "50000000")]);
                send(&producer, "t", 0, &large).unwrap();
            });
        }
    });
    assert_eq!(watermarks(&address, "t", 0), (0, 6));
}

#[test]
fn no_more_partitions_than_it_keeps() {
    let served = Served::new();
    let address = served.address();
    create(&address, "a", 50, &[]).unwrap();
    assert_eq!(create(&address, "b", 19_951, &[]), Err(RDKafkaErrorCode::InvalidPartitions));
    create(&address, "c", 1, &[]).unwrap();
}

#[test]
fn a_signal_ends_it_within_a_second_whatever_is_connected() {
    let folder = TempDir::new().unwrap();
    let mut process = Process::at(folder.path());
    create(&process.address, "t", 1, &[]).unwrap();
    let mut waits = fetch();
    // Up to five minutes for one byte.
    waits[18..22].copy_from_slice(&300_000_i32.to_be_bytes());
    let half = &[0, 0, 1, 0, 0, 3, 0, 1][..];
    let open: Vec<TcpStream> = (0..300)
        .map(|at| {
            let mut stream = TcpStream::connect(&process.address).unwrap();
            stream.write_all([&waits[..], half, &[]][at % 3]).unwrap();
            stream
        })
        .collect();
    let sender = producer(&process.address, &[]);
    send(&sender, "t", 0, "stored").unwrap();
    let start = std::time::Instant::now();
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(process.child.wait().unwrap().success());
    took_at_most(Duration::from_secs(1), start);
    drop(open);
    let again = Process::at(folder.path());
    assert!(again.said.is_empty(), "{:?}", again.said);
    assert_eq!(values(&again.address, "t", 0, 1), ["stored"]);
}
