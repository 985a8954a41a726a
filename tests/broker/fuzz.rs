//! A million requests of real clients, changed here and there by a seed, against the decoder and the handlers.

use super::requests::{batch, recorded, seal, used};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::process::Command;

/// How many requests a broker gets before the next one takes its place, so that what is stored stays little.
const REQUESTS_OF_A_BROKER: u64 = 5_000;
/// What a child process needs, with all that the requests stored in the meantime.
const MOST_RESIDENT_KB: u64 = 100 << 10;
/// Says to the child process how many cases it has, and the first one's number.
const CASES: &str = "ECAP_FUZZ_CASES";

/// One to four changes, and more where `random` wants it.
fn change(frame: &mut Vec<u8>, others: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let batch = batch(frame).filter(|_| random.random_bool(0.5));
    let (from, to) = batch.as_ref().map_or((0, frame.len()), |batch| (batch.start, batch.end));
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(from..to);
        match random.random_range(0..if batch.is_some() { 3 } else { 8 }) {
            0 => frame[at] ^= 1 << random.random_range(0..8),
            1 => frame[at] = random.random(),
            2 => edge(&mut frame[at..to], random),
            3 => frame.truncate(at.max(1)),
            4 => frame.insert(at, random.random()),
            5 => drop(frame.remove(at)),
            6 => {
                let end = random.random_range(at..to);
                frame.extend_from_within(at..end);
            }
            _ => {
                let other = &others[random.random_range(0..others.len())];
                frame.truncate(at.max(1));
                frame.extend_from_slice(&other[random.random_range(0..other.len())..]);
            }
        }
        if frame.len() < to.max(2) {
            break;
        }
    }
    if let Some(batch) = batch {
        seal(&mut frame[batch]);
    }
}

/// Writes a number that is at an edge, in one of the widths that the protocol has.
fn edge(place: &mut [u8], random: &mut ChaCha8Rng) {
    let numbers = [0, 1, -1, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 20, 0x7fff];
    let number = numbers[random.random_range(0..numbers.len())].to_be_bytes();
    let width = [1, 2, 4, 8][random.random_range(0..4)].min(place.len());
    place[..width].copy_from_slice(&number[8 - width..]);
}

/// The work of the child process.
fn feed(first: u64, count: u64) {
    let frames = recorded();
    let (mut probe, mut own) = used(&frames);
    for case in first..first + count {
        if case % REQUESTS_OF_A_BROKER == 0 {
            (probe, own) = used(&frames);
        }
        // Each case has a seed of its own, so that one alone can be run again.
        let mut random = ChaCha8Rng::seed_from_u64(case);
        let mut frame = own[random.random_range(0..own.len())].clone();
        change(&mut frame, &own, &mut random);
        probe.ask(&frame);
        if case % 100 == 0 {
            probe.tick(case as i64 * 100_000);
        }
    }
}

/// Runs cases in processes of their own: an abort must not end the other tests, and the memory is theirs.
fn run(name: &str, cases: u64) {
    let status = "/proc/self/status";
    let given = std::env::var(CASES).ok();
    if let Some((first, count)) = given.as_deref().and_then(|given| given.split_once('+')) {
        feed(first.parse().unwrap(), count.parse().unwrap());
        let peak = std::fs::read_to_string(status).unwrap();
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < MOST_RESIDENT_KB, "{peak} kB were resident");
        return;
    }
    let part = cases.div_ceil(2);
    let children = (0..2).map(|at| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", name, "--nocapture"]).env(CASES, format!("{}+{part}", at * part));
        child.stdout(std::process::Stdio::piped()).spawn().unwrap()
    });
    for child in children.collect::<Vec<_>>() {
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{}: {said}", ended.status);
    }
}

#[test]
fn requests_of_real_clients_with_mistakes_do_no_harm() {
    let cases = std::env::var("ECAP_TEST_CASES").ok().and_then(|cases| cases.parse::<u64>().ok());
    run(
        "broker::fuzz::requests_of_real_clients_with_mistakes_do_no_harm",
        // 10,000 cases of other tests are 50 million here.
        cases.map_or(1_000_000, |cases| cases * 5_000),
    );
}

#[test]
fn what_was_recorded_is_what_clients_send_to_this_broker() {
    let frames = recorded();
    let (probe, own) = used(&frames);
    let answered = own.iter().filter(|frame| probe.ask(frame).is_some()).count();
    assert!(answered * 10 > frames.len() * 8, "{answered} of {}", frames.len());
    let kinds: std::collections::BTreeSet<_> = frames.iter().map(|frame| frame[..4].to_vec()).collect();
    assert!(kinds.len() > 40, "{} requests in some version", kinds.len());
    assert!(frames.iter().filter(|frame| batch(frame).is_some()).count() > 5);
}
