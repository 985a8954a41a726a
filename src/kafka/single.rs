//! One record on its way, for a test of a topic.

use super::admin::{PATIENCE, denied};
use super::config::{Connection, wrong_setting};
use super::context::Context;
use crate::Result;
use crate::clock::Micros;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::AsyncRuntime;
use serde::Serialize;
use std::future::Future;
use std::time::Duration;

/// Where a record was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The record's timestamp, milliseconds since the epoch.
    pub timestamp_ms: i64,
}

/// Writes one record with timestamp `now` and waits until all replicas have it. When an answer is lost the
/// record is sent again, and may then be there twice.
///
/// # Errors
/// When the broker refuses it or does not answer in time; a usage error where a client setting is wrong.
pub fn write(
    connection: &Connection,
    topic: &str,
    key: Option<&str>,
    value: &[u8],
    headers: &[(String, String)],
    now: Micros,
) -> Result<Written> {
    let mut config = connection.client();
    // Not idempotent: that costs half a second before the first record, and here it is also the last.
    config
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("message.max.bytes", "1000000000")
        .set("delivery.timeout.ms", PATIENCE.as_millis().to_string())
        .set("linger.ms", "0");
    let producer: FutureProducer<Context, Tokio> =
        config.create_with_context(connection.context()).map_err(|error| wrong_setting(&error))?;
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let timestamp_ms = now.div_euclid(1_000);
    let mut record = FutureRecord::to(topic).payload(value).timestamp(timestamp_ms).headers(headers);
    record.key = key;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let delivery = runtime.block_on(producer.send(record, PATIENCE));
    let (what, right) = (format!("writing to topic '{topic}'"), format!("WRITE on topic '{topic}'"));
    let delivery = delivery.map_err(|(error, _)| denied(&what, &right)(error))?;
    let timestamp_ms = delivery.timestamp.to_millis().unwrap_or(timestamp_ms);
    Ok(Written { topic: topic.into(), partition: delivery.partition, offset: delivery.offset, timestamp_ms })
}

/// What rdkafka's producer waits with.
struct Tokio;

impl AsyncRuntime for Tokio {
    type Delay = tokio::time::Sleep;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        tokio::time::sleep(duration)
    }
}
