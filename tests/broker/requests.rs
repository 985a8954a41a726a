//! Requests that real clients sent, and a broker that these clients have just used.
//!
//! `frames.txt` has what librdkafka, kafka-python and Apache Kafka's own clients and tools sent to the
//! broker, one request a line, in hexadecimal and without its length.

use ecap::broker::Probe;
use std::ops::Range;

/// The id of the topic `orders` when the requests were recorded.
const RECORDED: u128 = 0xe1d1_3bc3_9012_4644_bd28_0ad9_ebbe_1545;

/// The requests as they were recorded.
pub fn recorded() -> Vec<Vec<u8>> {
    let lines = include_str!("frames.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| (0..line.len()).step_by(2).map(|at| byte(&line[at..at + 2])).collect()).collect()
}

fn byte(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).unwrap()
}

/// A broker that real clients have just used, and the requests as they would be for it.
pub fn used(requests: &[Vec<u8>]) -> (Probe, Vec<Vec<u8>>) {
    let probe = Probe::new().unwrap();
    let mut own = requests.to_vec();
    for request in &mut own {
        address(request, &probe);
        probe.ask(request);
    }
    (probe, own)
}

/// Puts the topic's id in the place of the recorded one: a topic has another id in each broker.
pub fn address(request: &mut [u8], probe: &Probe) {
    let Some(id) = probe.topic_id("orders") else { return };
    for at in 0..request.len().saturating_sub(15) {
        if request[at..at + 16] == RECORDED.to_be_bytes() {
            request[at..at + 16].copy_from_slice(&id);
        }
    }
}

/// Where a record batch stands in a request, if there is one: its length, its version and its checksum fit.
pub fn batch(request: &[u8]) -> Option<Range<usize>> {
    batches(request).find(|batch| {
        let sum = crc32c::crc32c(&request[batch.start + 21..batch.end]);
        request[batch.start + 17..batch.start + 21] == sum.to_be_bytes()
    })
}

/// Where a record batch may stand: its length and its version fit.
pub fn batches(request: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let int = |at: usize| Some(u32::from_be_bytes(request.get(at..at + 4)?.try_into().ok()?));
    (8..request.len().saturating_sub(60)).filter_map(move |at| {
        let length = int(at + 8)? as usize;
        let end = at + 12 + length;
        (length >= 49 && request[at + 16] == 2 && end <= request.len()).then_some(at..end)
    })
}

/// Writes the checksum of a changed batch, or it would be refused before anyone looks inside.
pub fn seal(batch: &mut [u8]) {
    let sum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
}
