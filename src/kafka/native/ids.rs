//! The ids of topics: one that was deleted and made anew has its name and another id.

use super::{Owned, Requests, c_text, list, rust_text};
use crate::Result;
use crate::kafka::admin::failed;
use crate::kafka::context::Context;
use rdkafka::client::Client;
use rdkafka_sys as sys;
use std::collections::{BTreeMap, BTreeSet};

/// The ids of these topics by name, as far as they are there and the cluster tells them (Kafka from 2.8 on).
///
/// # Errors
/// When the cluster does not answer.
pub fn of_topics(client: &Client<Context>, topics: &[&str]) -> Result<BTreeMap<String, String>> {
    // Asked for twice, a topic would be an error.
    let names: BTreeSet<_> = topics.iter().map(|topic| c_text(topic)).collect::<Result<_>>()?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the pointers are to texts that are alive during the call, which copies them, and the count is the list's.
    #[expect(unsafe_code, reason = "rdkafka does not ask for topics' ids")]
    let asked =
        unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) };
    let asked = Owned::new(asked, sys::rd_kafka_TopicCollection_destroy)?;
    let requests = Requests::new(client)?;
    requests.send(0, |(client, options, queue)| {
        // SAFETY: all pointers are alive during the call, which copies the names.
        #[expect(unsafe_code, reason = "rdkafka does not ask for topics' ids")]
        unsafe {
            sys::rd_kafka_DescribeTopics(client, asked.as_ptr(), options, queue);
        }
    });
    let (_, answer) = requests.next()?;
    let event = answer.map_err(failed("the topics' ids"))?;
    let (mut count, mut found) = (0, BTreeMap::new());
    // SAFETY: the event is alive to the end of this function, and with it the result, its list, its texts and ids; the
    // result's function gives null where the event is another.
    #[expect(unsafe_code, reason = "the answer is a list of pointers")]
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        if !result.is_null() {
            let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            for topic in list(topics, count) {
                let id = sys::rd_kafka_TopicDescription_topic_id(*topic);
                let bits = sys::rd_kafka_Uuid_most_significant_bits(id)
                    | sys::rd_kafka_Uuid_least_significant_bits(id);
                if bits != 0 {
                    let name = rust_text(sys::rd_kafka_TopicDescription_name(*topic));
                    found.insert(name, rust_text(sys::rd_kafka_Uuid_base64str(id)));
                }
            }
        }
    }
    Ok(found)
}
