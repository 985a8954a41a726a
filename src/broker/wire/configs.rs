//! Settings described and altered.

use super::{Context, outcome, text};
use crate::broker::settings::{self, SETTINGS, Setting, Settings};
use crate::broker::status::{self, Status};
use crate::broker::topics::{Refusal, Topic, check_name};
use alter_configs_response::AlterConfigsResourceResponse;
use describe_configs_request::DescribeConfigsResource;
use describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use incremental_alter_configs_request::AlterableConfig;
use incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use std::collections::HashSet;
use std::sync::Arc;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

/// The one default that differs from Apache Kafka's: it is shown as a setting of the server.
const OWN_DEFAULT: &str = "retention.ms";

/// Kafka's number for where a value comes from.
pub fn source(name: &str, settings: &Settings) -> i8 {
    match name {
        _ if settings.contains_key(name) => SOURCE_TOPIC,
        OWN_DEFAULT => SOURCE_STATIC,
        _ => SOURCE_DEFAULT,
    }
}

pub fn describe_configs(context: &Context<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let described = describe(context, resource, &request);
        let (error, message) = outcome(&described);
        DescribeConfigsResult::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_configs(described.unwrap_or_default())
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe(
    context: &Context<'_>,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let all = match resource.resource_type {
        TOPIC => {
            let topic = topic(context, &resource.resource_name)?;
            SETTINGS.iter().map(|setting| topic_setting(setting, &topic.settings, request)).collect()
        }
        BROKER if matches!(resource.resource_name.as_str(), "1" | "") => {
            if asks_for_status(resource) {
                return Ok(vec![broker_setting(status::SETTING, &status_text(context), 2)]);
            }
            broker_settings(context)
        }
        _ => return Err(no_such(resource.resource_type, &resource.resource_name)),
    };
    let Some(keys) = &resource.configuration_keys else { return Ok(all) };
    Ok(all.into_iter().filter(|config: &DescribeConfigsResourceResult| keys.contains(&config.name)).collect())
}

/// Only who asks for nothing else is told it, so that no tool lists it.
fn asks_for_status(resource: &DescribeConfigsResource) -> bool {
    matches!(resource.configuration_keys.as_deref(), Some([key]) if key.as_str() == status::SETTING)
}

fn status_text(context: &Context<'_>) -> String {
    let status = Status::of(context.core, context.local.to_string());
    serde_json::to_string(&status).unwrap_or_default()
}

fn topic_setting(
    setting: &Setting,
    settings: &Settings,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let synonym = |name: &'static str, value: &str, source| {
        DescribeConfigsSynonym::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_source(source)
    };
    let mut synonyms = Vec::new();
    if request.include_synonyms {
        let own = settings.get(setting.name);
        synonyms.extend(own.map(|value| synonym(setting.name, value, SOURCE_TOPIC)));
        let default = source(setting.name, &Settings::new());
        synonyms.push(synonym(setting.broker_name, setting.default, default));
    }
    let documentation = request.include_documentation.then(|| text(setting.documentation));
    DescribeConfigsResourceResult::default()
        .with_name(text(setting.name))
        .with_value(Some(text(settings::value(settings, setting.name))))
        .with_config_source(source(setting.name, settings))
        .with_config_type(setting.kind.code())
        .with_synonyms(synonyms)
        .with_documentation(documentation)
}

fn broker_settings(context: &Context<'_>) -> Vec<DescribeConfigsResourceResult> {
    let config = &context.core.config;
    let folder = context.core.folder.as_ref();
    let folder = folder.map_or_else(|| "memory".into(), |folder| folder.display().to_string());
    let own = [
        ("auto.create.topics.enable", config.auto_create_topics.to_string(), 1),
        ("default.replication.factor", "1".into(), 3),
        ("listeners", format!("PLAINTEXT://{}", context.local), 2),
        ("log.dirs", folder, 2),
        ("log.retention.hours", "24".into(), 3),
        ("node.id", super::NODE.0.to_string(), 3),
        ("num.partitions", config.default_partitions.to_string(), 3),
    ];
    let own = own
        .into_iter()
        .map(|(name, value, kind)| broker_setting(name, &value, kind).with_config_source(SOURCE_STATIC));
    let defaults = SETTINGS.iter().filter(|setting| setting.name != OWN_DEFAULT).map(|setting| {
        broker_setting(setting.broker_name, setting.default, setting.kind.code())
            .with_config_source(SOURCE_DEFAULT)
    });
    own.chain(defaults).collect()
}

fn broker_setting(name: &'static str, value: &str, kind: i8) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_config_type(kind)
        .with_read_only(true)
}

fn topic(context: &Context<'_>, name: &str) -> Result<Arc<Topic>, Refusal> {
    check_name(name)?;
    context.core.topics.get(name).ok_or_else(|| {
        let message = format!("The topic '{name}' does not exist.");
        Refusal(ResponseError::UnknownTopicOrPartition, message)
    })
}

fn no_such(kind: i8, name: &str) -> Refusal {
    let message = format!("This broker has no configurable resource of type {kind} named '{name}'.");
    Refusal(ResponseError::InvalidRequest, message)
}

/// Replaces all settings of a topic: what is not named returns to its default.
pub fn alter_configs(context: &Context<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let settings = resource.configs.iter().map(|config| match &config.value {
            Some(value) => Ok((config.name.to_string(), value.to_string())),
            None => Err(no_value(&config.name)),
        });
        let altered = match resource.resource_type {
            TOPIC => settings.collect::<Result<_, _>>().and_then(|settings| {
                context.core.topics.set(&resource.resource_name, settings, request.validate_only)
            }),
            kind => Err(no_such(kind, &resource.resource_name)),
        };
        let (error, message) = outcome(&altered);
        AlterConfigsResourceResponse::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Changes the settings that are named, and no other.
pub fn incremental_alter_configs(
    context: &Context<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let altered = match resource.resource_type {
            TOPIC => topic(context, &resource.resource_name).and_then(|topic| {
                let settings = change(topic.settings.clone(), &resource.configs)?;
                context.core.topics.set(&topic.name, settings, request.validate_only)
            }),
            kind => Err(no_such(kind, &resource.resource_name)),
        };
        let (error, message) = outcome(&altered);
        IncrementalResponse::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn change(mut settings: Settings, changes: &[AlterableConfig]) -> Result<Settings, Refusal> {
    let refuse = |message: String| Refusal(ResponseError::InvalidConfig, message);
    let mut named = HashSet::new();
    if let Some(twice) = changes.iter().find(|change| !named.insert(change.name.as_str())) {
        let message = format!("Error due to duplicate config keys: {}", twice.name.as_str());
        return Err(Refusal(ResponseError::InvalidRequest, message));
    }
    for change in changes {
        let name = change.name.to_string();
        let value = change.value.as_ref().map(|value| value.to_string());
        let value = || value.clone().ok_or_else(|| no_value(&name));
        let list = || match settings::find(&name) {
            Some(setting) if setting.kind.is_list() => Ok(settings::value(&settings, &name).to_string()),
            _ => Err(refuse(format!("Config value append is not allowed for config key: {name}"))),
        };
        let changed = match change.config_operation {
            0 => Some(value()?),
            1 => None,
            2 => Some(append(&list()?, &value()?)),
            3 => Some(subtract(&list()?, &value()?)),
            other => return Err(refuse(format!("Unknown config operation {other} for {name}"))),
        };
        match changed {
            Some(value) => settings.insert(name, value),
            None => settings.remove(&name),
        };
    }
    Ok(settings)
}

fn no_value(name: &str) -> Refusal {
    Refusal(ResponseError::InvalidRequest, format!("Null value not supported for: {name}"))
}

fn append(list: &str, more: &str) -> String {
    let mut items: Vec<&str> = settings::items(list).collect();
    for item in settings::items(more) {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items.join(",")
}

fn subtract(list: &str, less: &str) -> String {
    let gone: Vec<&str> = settings::items(less).collect();
    settings::items(list).filter(|item| !gone.contains(item)).collect::<Vec<_>>().join(",")
}
