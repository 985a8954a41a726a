//! What was acknowledged stays, however the broker ends.

use super::*;
use crate::support::{Ended, took_at_most};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use std::collections::HashSet;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

#[test]
fn an_acknowledged_record_survives_kill() {
    let folder = TempDir::new().unwrap();
    let mut acknowledged: Vec<(i64, String)> = Vec::new();
    for round in 0..kills() as i64 {
        let process = Process::at(folder.path());
        if round == 0 {
            create(&process.address, "t", 1, &[]).unwrap();
        }
        let ended = AtomicBool::new(false);
        let address = process.address.clone();
        let producer = producer(&address, &[("enable.idempotence", "true")]);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
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
            wait_for("the sender's end", || {
                // Nobody will acknowledge what is under way.
                producer.purge(PurgeConfig::default().queue().inflight());
                sender.is_finished().then_some(())
            });
            acknowledged.extend(sender.join().unwrap());
        });
    }
    let process = Process::at(folder.path());
    let stored = values(&process.address, "t", 0, watermarks(&process.address, "t", 0).1 as usize);
    for (offset, value) in acknowledged {
        assert_eq!(stored[offset as usize], value);
    }
    let different: HashSet<&String> = stored.iter().collect();
    assert_eq!(different.len(), stored.len(), "no record is there twice");
}

/// How often a broker is killed: 10 times, or as often as a long run says.
fn kills() -> usize {
    crate::support::number("ECAP_TEST_KILLS", 10)
}

/// What a producer of transactions heard of them, by their numbers.
#[derive(Default)]
struct Heard {
    next: i64,
    committed: Vec<i64>,
    aborted: Vec<i64>,
}

impl Heard {
    /// Makes transactions until the broker is gone: a record in each partition and an offset of a group.
    /// Every third is aborted.
    fn transact(&mut self, address: &str, progress: &AtomicI64, ended: &AtomicBool) {
        let settings = [("transactional.id", "a"), ("linger.ms", "0"), ("message.timeout.ms", "5000")];
        let producer: BaseProducer = client(address, &settings).create().unwrap();
        let member = consumer(address, "g", &[]);
        let group = member.group_metadata().unwrap();
        let brief = Duration::from_millis(200);
        // Whether it was done; if not, the broker is gone.
        let done = |act: &dyn Fn() -> Result<(), KafkaError>| loop {
            match act() {
                Ok(()) => return true,
                Err(_) if ended.load(Ordering::Relaxed) => return false,
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
                Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        if !done(&|| producer.init_transactions(brief)) {
            return;
        }
        loop {
            let number = self.next;
            self.next += 1;
            producer.begin_transaction().unwrap();
            for partition in [0, 1] {
                let value = number.to_string();
                let record = BaseRecord::<(), str>::to("t").partition(partition).payload(&value);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            let mut read = TopicPartitionList::new();
            read.add_partition_offset("t", 0, Offset::Offset(number)).unwrap();
            let sent = done(&|| producer.flush(brief))
                && done(&|| producer.send_offsets_to_transaction(&read, &group, brief));
            let commits = number % 3 != 2;
            let end = || match commits {
                true => producer.commit_transaction(brief),
                false => producer.abort_transaction(brief),
            };
            if !sent || !done(&end) {
                return;
            }
            if commits {
                self.committed.push(number)
            } else {
                self.aborted.push(number)
            }
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn no_transaction_is_half_visible_after_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut heard = Heard::default();
    for round in 0..kills() as i64 {
        let process = Process::at(folder.path());
        if round == 0 {
            create(&process.address, "t", 2, &[]).unwrap();
        }
        let (address, ended) = (process.address.clone(), AtomicBool::new(false));
        let progress = AtomicI64::new(0);
        std::thread::scope(|scope| {
            let (heard, progress, ended) = (&mut heard, &progress, &ended);
            scope.spawn(move || heard.transact(&address, progress, ended));
            let enough = 1 + round * 7 % 20;
            wait_for("transactions", || (progress.load(Ordering::Relaxed) > enough).then_some(()));
            ended.store(true, Ordering::Relaxed);
            process.kill();
        });
    }
    let process = Process::at(folder.path());
    // The next producer with the id has what is still open aborted.
    let settings = [("transactional.id", "a")];
    let producer: BaseProducer = client(&process.address, &settings).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let [seen, other] = [0, 1].map(|partition| numbers(&process.address, partition));
    assert_eq!(seen, other, "each transaction is in both partitions or in none");
    assert!(seen.is_sorted_by(|one, next| one < next), "none is there twice: {seen:?}");
    assert!(heard.committed.iter().all(|number| seen.contains(number)));
    assert!(heard.aborted.iter().all(|number| !seen.contains(number)));
    let member = consumer(&process.address, "g", &[]);
    let mut places = TopicPartitionList::new();
    places.add_partition("t", 0);
    let committed = member.committed_offsets(places, PATIENCE).unwrap().elements()[0].offset();
    assert_eq!(Some(&committed), seen.last().map(|last| Offset::Offset(*last)).as_ref());
}

/// The committed values of a partition.
fn numbers(address: &str, partition: i32) -> Vec<i64> {
    let values = transactions::all(address, partition, "read_committed");
    values.iter().map(|value| value.parse().unwrap()).collect()
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
        took_at_most(Duration::from_secs(1), start);
    }
}

#[test]
fn more_partitions_than_a_shell_lets_a_process_open_files_are_kept() {
    let folder = TempDir::new().unwrap();
    let plain = command(folder.path());
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -S -n 64; exec \"$@\"", "bash"]);
    limited.arg(plain.get_program()).args(plain.get_args()).current_dir(folder.path());
    let process = Process::start(&mut limited);
    create(&process.address, "wide", 100, &[]).unwrap();
    let sender = producer(&process.address, &[]);
    for partition in 0..100 {
        assert_eq!(send(&sender, "wide", partition, "here").unwrap(), 0, "partition {partition}");
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
