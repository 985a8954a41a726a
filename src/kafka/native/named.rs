//! Topics that are asked for by name: their ids, as one that was deleted and made anew has its name and another id; and whether
//! they may be seen.

use super::{Code, Owned, Requests, c_text, list, rust_text};
use crate::Result;
use crate::kafka::admin::failed;
use crate::kafka::context::Context;
use rdkafka::client::Client;
use rdkafka_sys as sys;
use std::collections::{BTreeMap, BTreeSet};
use sys::rd_kafka_TopicDescription_t as Description;

/// The ids of these topics by name, as far as they are there and the cluster tells them (Kafka from 2.8 on).
///
/// # Errors
/// When the cluster does not answer.
pub fn ids(client: &Client<Context>, topics: &[&str]) -> Result<BTreeMap<String, String>> {
    Ok(describe(client, topics, "the topics' ids", id)?.into_iter().collect())
}

/// Those of these topics that the user has no right to know of.
///
/// # Errors
/// When the cluster does not answer.
pub fn unseen(client: &Client<Context>, topics: &[&str]) -> Result<BTreeSet<String>> {
    Ok(describe(client, topics, "the topics", denied)?.into_iter().collect())
}

/// Asks for all these topics in one request, and reads what the cluster says of each.
fn describe<T>(
    client: &Client<Context>,
    topics: &[&str],
    what: &str,
    read: unsafe fn(*const Description) -> Option<T>,
) -> Result<Vec<T>> {
    // Asked for twice, a topic would be an error; and no broker has one without a name.
    let topics: BTreeSet<_> = topics.iter().filter(|topic| !topic.is_empty()).collect();
    let names = topics.into_iter().map(|topic| c_text(topic)).collect::<Result<Vec<_>>>()?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the pointers are to texts that are alive during the call, which copies them, and the count is the list's.
    #[expect(unsafe_code, reason = "rdkafka does not ask for several topics")]
    let asked =
        unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) };
    let asked = Owned::new(asked, sys::rd_kafka_TopicCollection_destroy)?;
    let requests = Requests::new(client)?;
    requests.send(0, |(client, options, queue)| {
        // SAFETY: all pointers are alive during the call, which copies the names.
        #[expect(unsafe_code, reason = "rdkafka does not ask for several topics")]
        unsafe {
            sys::rd_kafka_DescribeTopics(client, asked.as_ptr(), options, queue);
        }
    });
    let (_, answer) = requests.next()?;
    let event = answer.map_err(failed(what))?;
    let mut count = 0;
    // SAFETY: the event is alive to the end of this function, and with it the result and its list, whose elements are
    // descriptions; the result's function gives null where the event is another.
    #[expect(unsafe_code, reason = "the answer is a list of pointers")]
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        if result.is_null() {
            return Ok(Vec::new());
        }
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        Ok(list(topics, count)
            .iter()
            .filter(|topic| !topic.is_null())
            .filter_map(|topic| read(*topic))
            .collect())
    }
}

/// A topic's name and its id, if it has one.
///
/// # Safety
/// The pointer points to a description that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn id(topic: *const Description) -> Option<(String, String)> {
    // SAFETY: as the caller promises; a description's texts and id live as long as itself.
    unsafe {
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let bits =
            sys::rd_kafka_Uuid_most_significant_bits(id) | sys::rd_kafka_Uuid_least_significant_bits(id);
        let name = rust_text(sys::rd_kafka_TopicDescription_name(topic));
        (bits != 0).then(|| (name, rust_text(sys::rd_kafka_Uuid_base64str(id))))
    }
}

/// A topic's name, if the user has no right to know of it.
///
/// # Safety
/// The pointer points to a description that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn denied(topic: *const Description) -> Option<String> {
    // SAFETY: as the caller promises; a description's name and error, if there is one, live as long as itself.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let is_denied = !error.is_null()
            && sys::rd_kafka_error_code(error) == Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        is_denied.then(|| rust_text(sys::rd_kafka_TopicDescription_name(topic)))
    }
}
