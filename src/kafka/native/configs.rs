//! Single settings of topics told, set and taken back. AlterConfigs is never used: it resets what it does not name.

use super::{Code, Owned, Request, c_text, list, rust_text};
use crate::catalog::plan::same;
use crate::kafka::admin::{Admin, Setting, refused, wait_until};
use crate::{Error, Result};
use rdkafka_sys as sys;
use std::collections::BTreeMap;
use sys::rd_kafka_AlterConfigOpType_t::{
    RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE as DELETE, RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET as SET,
};
use sys::rd_kafka_ConfigSource_t as Source;

/// By topic: settings by Kafka's names, with their new values; `None` takes a setting back to the broker's default.
pub type Alterations = BTreeMap<String, BTreeMap<String, Option<String>>>;

type Resource = Owned<sys::rd_kafka_ConfigResource_t>;

impl Admin {
    /// The settings of each of these topics that exists, by topic and then by name: those that `names` has, or all where it
    /// has none.
    ///
    /// # Errors
    /// When the cluster does not tell them.
    pub fn settings(&self, topics: &[&str], names: &[&str]) -> Result<BTreeMap<String, Vec<Setting>>> {
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked = topics.iter().map(|topic| asked(topic, names)).collect::<Result<Vec<Resource>>>()?;
        let mut pointers: Vec<_> = asked.iter().map(Owned::as_ptr).collect();
        let what = "the topics' settings";
        let request =
            Request { admin: self, what, right: "DESCRIBE_CONFIGS on the topics", only_check: false };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the resources, and the count is the list's.
            #[expect(unsafe_code, reason = "rdkafka asks for all settings always")]
            unsafe {
                let (start, count) = (pointers.as_mut_ptr(), pointers.len());
                sys::rd_kafka_DescribeConfigs(client, start, count, options, queue);
            }
        })?;
        let (mut count, mut found) = (0, BTreeMap::new());
        // SAFETY: the event is alive to the end of this function, and with it the result, its lists and its texts; the
        // result's function gives null where the event is another.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        unsafe {
            let result = sys::rd_kafka_event_DescribeConfigs_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed(format!("{what}: another answer came")));
            }
            let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
            for resource in list(resources, count) {
                let topic = rust_text(sys::rd_kafka_ConfigResource_name(*resource));
                match sys::rd_kafka_ConfigResource_error(*resource) {
                    Code::RD_KAFKA_RESP_ERR_NO_ERROR => drop(found.insert(topic, told(*resource))),
                    Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {}
                    code => {
                        let right = format!("DESCRIBE_CONFIGS on topic '{topic}'");
                        return Err(refused(
                            &format!("settings of topic '{topic}'"),
                            code.into(),
                            "",
                            &right,
                        ));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Changes single settings of topics and waits until the cluster shows them; what is not named stays as it is. With
    /// `only_check` nothing is changed, and the cluster says whether it would.
    ///
    /// # Errors
    /// The first topic whose settings the cluster refuses, with its reason: a usage error where a value is wrong. Those of
    /// other topics may be changed.
    pub fn alter(&self, alterations: &Alterations, only_check: bool) -> Result<()> {
        if alterations.is_empty() {
            return Ok(());
        }
        let made = alterations.iter().map(|(topic, settings)| altered(topic, settings));
        let made = made.collect::<Result<Vec<Resource>>>()?;
        let mut pointers: Vec<_> = made.iter().map(Owned::as_ptr).collect();
        let right = "ALTER_CONFIGS on the topic";
        let request = Request { admin: self, what: "altering settings", right, only_check };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the resources, and the count is the list's.
            #[expect(unsafe_code, reason = "rdkafka does not offer single settings")]
            unsafe {
                let (start, count) = (pointers.as_mut_ptr(), pointers.len());
                sys::rd_kafka_IncrementalAlterConfigs(client, start, count, options, queue);
            }
        })?;
        let mut count = 0;
        // SAFETY: the event is alive to the end of this function, and with it the result, its list and its texts; the
        // result's function gives null where the event is another, and none of those after it is called then.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        unsafe {
            let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed("altering settings: another answer came"));
            }
            let resources = sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &raw mut count);
            for resource in list(resources, count) {
                let code = sys::rd_kafka_ConfigResource_error(*resource);
                if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                    let topic = rust_text(sys::rd_kafka_ConfigResource_name(*resource));
                    let reason = rust_text(sys::rd_kafka_ConfigResource_error_string(*resource));
                    let right = format!("ALTER_CONFIGS on topic '{topic}'");
                    return Err(refused(&format!("altering topic '{topic}'"), code.into(), &reason, &right));
                }
            }
        }
        if only_check { Ok(()) } else { self.wait_for_settings(alterations) }
    }

    /// Brokers show what the controller has decided a moment later.
    fn wait_for_settings(&self, alterations: &Alterations) -> Result<()> {
        let topics: Vec<_> = alterations.keys().map(String::as_str).collect();
        wait_until("the topics to have their new settings", || {
            let found = self.settings(&topics, &[])?;
            Ok(alterations.iter().all(|(topic, wanted)| {
                let settings = found.get(topic).map_or(&[][..], Vec::as_slice);
                wanted.iter().all(|(name, value)| {
                    let own =
                        settings.iter().find(|setting| setting.name == *name && setting.origin == "topic");
                    match value {
                        Some(value) => own.is_some_and(|own| same(&own.value, value)),
                        None => own.is_none(),
                    }
                })
            }))
        })
    }
}

/// A topic of which these settings are asked for; all where none is named.
fn asked(topic: &str, names: &[&str]) -> Result<Resource> {
    let resource = of_topic(topic)?;
    for name in names {
        let name = c_text(name)?;
        // SAFETY: resource and texts are alive during the call, which copies the texts. Only an empty name is refused.
        #[expect(unsafe_code, reason = "rdkafka asks for all settings always")]
        unsafe {
            sys::rd_kafka_ConfigResource_set_config(resource.as_ptr(), name.as_ptr(), c"".as_ptr());
        }
    }
    Ok(resource)
}

/// The settings of a topic, by name.
///
/// # Safety
/// The pointer points to a resource that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn told(resource: *const sys::rd_kafka_ConfigResource_t) -> Vec<Setting> {
    let mut count = 0;
    // SAFETY: as the caller promises; the entries and their texts live as long as the resource.
    let mut settings: Vec<_> = unsafe {
        let entries = sys::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        let entry = |entry: &*const sys::rd_kafka_ConfigEntry_t| Setting {
            name: rust_text(sys::rd_kafka_ConfigEntry_name(*entry)),
            value: rust_text(sys::rd_kafka_ConfigEntry_value(*entry)),
            origin: match sys::rd_kafka_ConfigEntry_source(*entry) {
                Source::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG => "topic",
                Source::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG
                | Source::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG
                | Source::RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG => "broker",
                _ => "default",
            },
        };
        list(entries, count).iter().map(entry).collect()
    };
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    settings
}

fn of_topic(topic: &str) -> Result<Resource> {
    let name = c_text(topic)?;
    let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    // SAFETY: the name is alive during the call, which copies it.
    #[expect(unsafe_code, reason = "rdkafka does not offer single settings")]
    let made = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
    Owned::new(made, sys::rd_kafka_ConfigResource_destroy)
}

/// A topic with what becomes of its settings.
fn altered(topic: &str, settings: &BTreeMap<String, Option<String>>) -> Result<Resource> {
    let resource = of_topic(topic)?;
    for (setting, value) in settings {
        let setting = c_text(setting)?;
        let value = value.as_deref().map(c_text).transpose()?;
        let operation = if value.is_some() { SET } else { DELETE };
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        // SAFETY: resource and texts are alive during the call, which copies the texts; an error is ours.
        #[expect(unsafe_code, reason = "rdkafka does not offer single settings")]
        unsafe {
            let (resource, setting) = (resource.as_ptr(), setting.as_ptr());
            let error =
                sys::rd_kafka_ConfigResource_add_incremental_config(resource, setting, operation, value);
            if !error.is_null() {
                let error = Owned::new(error, sys::rd_kafka_error_destroy)?;
                return Err(Error::usage(rust_text(sys::rd_kafka_error_string(error.as_ptr()))));
            }
        }
    }
    Ok(resource)
}
