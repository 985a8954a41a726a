//! What was acknowledged stays, however the broker ends.

use super::*;
use crate::support::Ended;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[test]
fn an_acknowledged_record_survives_kill() {
    let folder = TempDir::new().unwrap();
    let mut acknowledged: Vec<(i64, String)> = Vec::new();
    for round in 0..3 {
        let process = Process::at(folder.path());
        if round == 0 {
            create(&process.address, "t", 1, &[]).unwrap();
        }
        let ended = AtomicBool::new(false);
        let address = process.address.clone();
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let timeouts = [("message.timeout.ms", "5000"), ("enable.idempotence", "true")];
                let producer = producer(&address, &timeouts);
                let mut acknowledged = Vec::new();
                for at in 0.. {
                    let value = format!("{round}-{at}");
                    match send(&producer, "t", 0, &value) {
                        Ok(offset) => acknowledged.push((offset, value)),
                        Err(_) if ended.load(Ordering::Relaxed) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                acknowledged
            });
            wait_for("records", || (watermarks(&address, "t", 0).1 > (round + 1) * 100).then_some(()));
            ended.store(true, Ordering::Relaxed);
            process.kill();
            acknowledged.extend(sender.join().unwrap());
        });
    }
    let process = Process::at(folder.path());
    let stored = values(&process.address, "t", 0, watermarks(&process.address, "t", 0).1 as usize);
    for (offset, value) in acknowledged {
        assert_eq!(stored[offset as usize], value);
    }
}

#[test]
fn a_torn_tail_is_cut_and_the_start_says_so() {
    let folder = TempDir::new().unwrap();
    let process = Process::at(folder.path());
    create(&process.address, "t", 1, &[]).unwrap();
    send(&producer(&process.address, &[]), "t", 0, "whole").unwrap();
    process.kill();
    let log = folder.path().join("data/topics/t/0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes.extend_from_slice(&bytes.clone()[..40]);
    std::fs::write(&log, bytes).unwrap();
    let process = Process::at(folder.path());
    let said = process.said.join("\n");
    assert!(said.contains("the last 40 bytes were not a whole batch and were cut"), "{said}");
    assert_eq!(send(&producer(&process.address, &[]), "t", 0, "next").unwrap(), 1);
    assert_eq!(values(&process.address, "t", 0, 2), ["whole", "next"]);
}

#[test]
fn everything_is_there_after_a_clean_restart() {
    let served = Served::new();
    create(&served.address(), "t", 2, &[("segment.bytes", "2000"), ("retention.ms", "-1")]).unwrap();
    let sender = producer(&served.address(), &[]);
    let sent: Vec<String> = (0..50).map(|at| format!("{at} {}", "x".repeat(100))).collect();
    send_all(&sender, "t", &sent);
    drop(sender);
    let served = served.restart();
    assert_eq!(values(&served.address(), "t", 0, 50), sent);
    assert_eq!(values(&served.address(), "t", 33, 17), sent[33..]);
    assert_eq!(served.broker.topic_count(), 1);
    assert_eq!(create(&served.address(), "t", 1, &[]), Err(RDKafkaErrorCode::TopicAlreadyExists));
    let segments = std::fs::read_dir(served.folder.path().join("topics/t/0")).unwrap().count();
    assert!(segments > 5, "{segments} files");
}

#[test]
fn a_folder_belongs_to_one_broker() {
    let folder = TempDir::new().unwrap();
    let first = Process::at(folder.path());
    let ended = Ended::of(&mut command(folder.path()));
    ended.fails(1, &["belongs to a broker that is running", "data", "--data-dir"]);
    first.kill();
    Process::at(folder.path());
}

#[test]
fn a_taken_address_is_said() {
    let folder = TempDir::new().unwrap();
    let first = Process::at(folder.path());
    let mut second = crate::support::binary_command("ecap-broker", folder.path());
    Ended::of(second.args(["--memory", "--listen", &first.address])).fails(1, &[&first.address, "--listen"]);
}

#[test]
fn a_signal_ends_it_cleanly_within_a_second() {
    let folder = TempDir::new().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut process = Process::at(folder.path());
        let consumer = consumer(&process.address, "g", &[]);
        consumer.subscribe(&["t"]).unwrap();
        consumer.poll(Duration::from_millis(100));
        let start = Instant::now();
        let killed: Output =
            Command::new("kill").args([signal, &process.child.id().to_string()]).output().unwrap();
        assert!(killed.status.success());
        assert!(process.child.wait().unwrap().success());
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[test]
fn a_full_disk_refuses_records_and_still_serves_them() {
    let folder = TempDir::new().unwrap();
    let plain = command(folder.path());
    let mut limited = Command::new("bash");
    // No file may be larger than 64 KiB, and the signal that comes with it is ignored.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "bash"]);
    limited.arg(plain.get_program()).args(plain.get_args()).current_dir(folder.path());
    let process = Process::start(&mut limited);
    create(&process.address, "t", 1, &[]).unwrap();
    let impatient = [("message.timeout.ms", "1500"), ("retries", "1")];
    let sender = producer(&process.address, &impatient);
    let value = "x".repeat(20_000);
    let stored = (0..10).take_while(|_| send(&sender, "t", 0, &value).is_ok()).count();
    assert!((2..4).contains(&stored), "{stored} records of 20 kB fit");
    assert_eq!(values(&process.address, "t", 0, stored).len(), stored);
    assert_eq!(
        send(&sender, "t", 0, "a small one fits").unwrap(),
        stored as i64,
        "nothing half-written is left"
    );
    process.kill();
    let process = Process::at(folder.path());
    assert!(process.said.is_empty(), "{:?}", process.said);
    assert_eq!(send(&producer(&process.address, &[]), "t", 0, &value).unwrap(), stored as i64 + 1);
}
