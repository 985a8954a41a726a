//! Single settings of topics set and taken back. AlterConfigs is never used: it resets what it does not name.

use super::{Code, Owned, Request, c_text, list, rust_text};
use crate::catalog::plan::same;
use crate::kafka::admin::{Admin, refused, wait_until};
use crate::{Error, Result};
use rdkafka_sys as sys;
use std::collections::BTreeMap;
use sys::rd_kafka_AlterConfigOpType_t::{
    RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE as DELETE, RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET as SET,
};

/// By topic: settings by Kafka's names, with their new values; `None` takes a setting back to the broker's default.
pub type Alterations = BTreeMap<String, BTreeMap<String, Option<String>>>;

type Resource = Owned<sys::rd_kafka_ConfigResource_t>;

impl Admin {
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
        let made = alterations.iter().map(|(topic, settings)| resource(topic, settings));
        let made = made.collect::<Result<Vec<Resource>>>()?;
        let mut pointers: Vec<_> = made.iter().map(Owned::as_ptr).collect();
        let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS;
        let request = Request {
            admin: self,
            what: "altering settings",
            right: "ALTER_CONFIGS on the topic",
            kind,
            only_check,
        };
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
            let found = self.settings(&topics)?;
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

fn resource(topic: &str, settings: &BTreeMap<String, Option<String>>) -> Result<Resource> {
    let name = c_text(topic)?;
    let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    // SAFETY: the name is alive during the call, which copies it.
    #[expect(unsafe_code, reason = "rdkafka does not offer single settings")]
    let made = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
    let resource = Owned::new(made, sys::rd_kafka_ConfigResource_destroy)?;
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
