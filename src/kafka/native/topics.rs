//! Topics created, or only checked, with the broker's own reason where it refuses: the rdkafka crate gives a code alone.

use super::{Code, Owned, Request, c_text, list, rust_text};
use crate::catalog::Topic;
use crate::kafka::admin::{Admin, refused};
use crate::{Error, Result};
use rdkafka_sys as sys;

type NewTopic = Owned<sys::rd_kafka_NewTopic_t>;

impl Admin {
    /// Creates topics and waits until each partition has a leader; one that somebody else made at the same time is as good.
    /// With `only_check` nothing is created, and the cluster says whether it would.
    ///
    /// # Errors
    /// The first topic that the cluster refuses, with its reason: a usage error where a setting is wrong. Others may be
    /// created.
    pub fn create(&self, topics: &[Topic], only_check: bool) -> Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let made = topics.iter().map(new_topic).collect::<Result<Vec<NewTopic>>>()?;
        let mut pointers: Vec<_> = made.iter().map(Owned::as_ptr).collect();
        let what = "creating topics";
        let request = Request { admin: self, what, right: "CREATE on the topics", only_check };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the topics, and the count is the list's.
            #[expect(unsafe_code, reason = "rdkafka keeps the broker's reasons to itself")]
            unsafe {
                sys::rd_kafka_CreateTopics(client, pointers.as_mut_ptr(), pointers.len(), options, queue);
            }
        })?;
        let mut count = 0;
        // SAFETY: the event is alive to the end of this function, and with it the result, its list and its texts; the
        // result's function gives null where the event is another, and none of those after it is called then.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        unsafe {
            let result = sys::rd_kafka_event_CreateTopics_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed(format!("{what}: another answer came")));
            }
            let results = sys::rd_kafka_CreateTopics_result_topics(result, &raw mut count);
            for result in list(results, count) {
                let code = sys::rd_kafka_topic_result_error(*result);
                let is_there = code == Code::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
                if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR && !is_there {
                    let topic = rust_text(sys::rd_kafka_topic_result_name(*result));
                    let reason = rust_text(sys::rd_kafka_topic_result_error_string(*result));
                    let right = format!("CREATE on topic '{topic}'");
                    return Err(refused(&format!("creating topic '{topic}'"), code.into(), &reason, &right));
                }
            }
        }
        if only_check {
            return Ok(());
        }
        let counts: Vec<_> = topics.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
        self.wait_for_leaders(&counts)
    }
}

fn new_topic(topic: &Topic) -> Result<NewTopic> {
    let name = c_text(&topic.name)?;
    // SAFETY: the name is alive during the call, which copies it; the text of an error may be left out.
    #[expect(unsafe_code, reason = "rdkafka keeps the broker's reasons to itself")]
    let new = unsafe {
        let (error, size) = (std::ptr::null_mut(), 0);
        sys::rd_kafka_NewTopic_new(name.as_ptr(), topic.partitions, topic.replication, error, size)
    };
    let new = Owned::new(new, sys::rd_kafka_NewTopic_destroy).map_err(|_| {
        let Topic { name, partitions, replication, .. } = topic;
        Error::usage(format!(
            "topic '{name}' cannot have {partitions} partitions on {replication} brokers each"
        ))
    })?;
    for (setting, value) in &topic.config {
        let (setting, value) = (c_text(setting)?, c_text(value)?);
        // SAFETY: the topic and both texts are alive during the call, which copies the texts. No value is refused here.
        #[expect(unsafe_code, reason = "rdkafka keeps the broker's reasons to itself")]
        unsafe {
            sys::rd_kafka_NewTopic_set_config(new.as_ptr(), setting.as_ptr(), value.as_ptr());
        }
    }
    Ok(new)
}
