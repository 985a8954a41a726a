//! Requests, as libFuzzer changes those of real clients, against the decoder and the handlers of the broker.
#![no_main]
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the broker's sources, without those who use them")]

extern crate self as ecap;

#[path = "../../src/broker/mod.rs"]
pub mod broker;
#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/lock.rs"]
mod lock;
#[path = "../../tests/broker/requests.rs"]
mod requests;

use broker::Probe;
pub use error::{Error, Result};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

/// How many requests a broker gets before the next one takes its place, so that what is stored stays little.
const REQUESTS_OF_A_BROKER: u64 = 5_000;

thread_local! {
    static BROKER: RefCell<Option<(Probe, u64)>> = const { RefCell::new(None) };
}

fuzz_target!(|request: &[u8]| {
    BROKER.with_borrow_mut(|place| {
        place.take_if(|(_, asked)| *asked == REQUESTS_OF_A_BROKER);
        let (probe, asked) = place.get_or_insert_with(|| (requests::used(&requests::recorded()).0, 0));
        let mut request = request.to_vec();
        requests::address(&mut request, probe);
        let batch = requests::batches(&request).next();
        if let Some(batch) = batch {
            requests::seal(&mut request[batch]);
        }
        probe.ask(&request);
        *asked += 1;
        if *asked % 100 == 0 {
            probe.tick(*asked as i64 * 100_000);
        }
    });
});
