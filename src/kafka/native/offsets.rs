//! Where partitions begin, end, or have a time: thousands of partitions at once.

use super::{Event, Owned, Requests, list};
use crate::Result;
use crate::kafka::admin::failed;
use crate::kafka::committed::{Committed, element};
use crate::kafka::context::Context;
use crate::kafka::offsets::Partition;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use rdkafka_sys as sys;

/// So many partitions are in a request: librdkafka compares each of them with all others of its request, several times.
const MANY: usize = 128;

/// What came back: each partition's offset, with the broker's word on it.
pub type Answer = KafkaResult<Vec<(Committed, RDKafkaErrorCode)>>;

/// Asks for the same place, or time, in all these partitions: what a reader sees who waits for transactions to end. The
/// requests are on their way together.
///
/// # Errors
/// When librdkafka says nothing at all; what it says of partitions is in the answers.
pub fn ask(client: &Client<Context>, partitions: &[Partition], place: Offset) -> Result<Vec<Answer>> {
    let requests = Requests::new(client)?;
    // SAFETY: the options are alive and take this for every request; what comes back is an error of ours, or none.
    #[expect(unsafe_code, reason = "librdkafka's options are set by its functions")]
    unsafe {
        let committed = sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
        let error = sys::rd_kafka_AdminOptions_set_isolation_level(requests.options.as_ptr(), committed);
        drop(Owned::new(error, sys::rd_kafka_error_destroy));
    }
    let parts = partitions.chunks(MANY);
    let count = parts.len();
    for (number, part) in parts.enumerate() {
        let mut asked = TopicPartitionList::with_capacity(part.len());
        for (topic, partition) in part {
            // Giving the offset with the partition would look through the list for it.
            asked.add_partition(topic, *partition).set_offset(place).map_err(failed("the offsets"))?;
        }
        requests.send(number, |(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the list.
            #[expect(unsafe_code, reason = "rdkafka asks for one place after the other")]
            unsafe {
                sys::rd_kafka_ListOffsets(client, asked.ptr(), options, queue);
            }
        });
    }
    let answers = requests.answers(count)?;
    Ok(answers.into_iter().map(|answer| answer.and_then(|event| offsets(&event))).collect())
}

fn offsets(event: &Event) -> Answer {
    let mut count = 0;
    // SAFETY: the event is alive, and with it the result, its list and the partitions in it; the result's function gives null
    // where the event is another.
    #[expect(unsafe_code, reason = "the answer is a list of pointers")]
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(event.as_ptr());
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        }
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        let partitions = list(infos, count)
            .iter()
            .filter_map(|info| sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info).as_ref());
        Ok(partitions.map(element).collect())
    }
}
