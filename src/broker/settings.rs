//! The settings that a topic has: one list is the truth for checks, defaults and descriptions.

use super::log::{Compaction, Rules};
use super::pack::Codec;
use std::collections::BTreeMap;

/// What a topic's creator set; everything else has its default.
pub type Settings = BTreeMap<String, String>;

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Boolean,
    Int(i64),
    Long(i64),
    /// From 0 to 1.
    Ratio,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    /// `partition:broker` pairs or `*`; accepted and without effect on one node.
    Replicas,
}

/// A setting of topics.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    pub default: &'static str,
    /// The broker's own name for the default, as Kafka's tools show it.
    pub broker_name: &'static str,
    pub documentation: &'static str,
}

const FOREVER: &str = "9223372036854775807";
const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

macro_rules! settings {
    ($($name:literal $broker:literal $kind:expr, $default:expr, $documentation:literal;)*) => {
        &[$(Setting {
            name: $name, kind: $kind, default: $default, broker_name: $broker, documentation: $documentation,
        }),*]
    };
}

/// Every setting, by name.
pub const SETTINGS: &[Setting] = settings! {
    "cleanup.policy" "log.cleanup.policy" Kind::ListOf(&["compact", "delete"]), "delete",
        "What happens to old segments: deleted, or compacted to the last record of each key.";
    "compression.gzip.level" "compression.gzip.level" Kind::Int(-1), "-1", "The level if compression.type is gzip.";
    "compression.lz4.level" "compression.lz4.level" Kind::Int(1), "9", "The level if compression.type is lz4.";
    "compression.type" "compression.type" Kind::OneOf(CODECS), "producer",
        "The codec that records are stored in; producer leaves every batch as it came.";
    "compression.zstd.level" "compression.zstd.level" Kind::Int(-131_072), "3", "The level if compression.type is zstd.";
    "delete.retention.ms" "log.cleaner.delete.retention.ms" Kind::Long(0), "86400000",
        "How long a tombstone is kept in a compacted topic.";
    "file.delete.delay.ms" "log.segment.delete.delay.ms" Kind::Long(0), "60000",
        "How long a deleted segment's file is kept.";
    "flush.messages" "log.flush.interval.messages" Kind::Long(1), FOREVER, "Records between two forced flushes.";
    "flush.ms" "log.flush.interval.ms" Kind::Long(0), FOREVER, "Milliseconds between two forced flushes.";
    "follower.replication.throttled.replicas" "follower.replication.throttled.replicas" Kind::Replicas, "",
        "Replicas whose replication is throttled on the follower.";
    "index.interval.bytes" "log.index.interval.bytes" Kind::Int(0), "4096", "Bytes between two index entries.";
    "leader.replication.throttled.replicas" "leader.replication.throttled.replicas" Kind::Replicas, "",
        "Replicas whose replication is throttled on the leader.";
    "local.retention.bytes" "log.local.retention.bytes" Kind::Long(-2), "-2", "Bytes kept locally with tiered storage.";
    "local.retention.ms" "log.local.retention.ms" Kind::Long(-2), "-2", "Time kept locally with tiered storage.";
    "max.compaction.lag.ms" "log.cleaner.max.compaction.lag.ms" Kind::Long(1), FOREVER,
        "The longest that a record stays uncompacted.";
    "max.message.bytes" "message.max.bytes" Kind::Int(0), "1048588", "The largest batch that is accepted, in bytes.";
    "message.timestamp.after.max.ms" "log.message.timestamp.after.max.ms" Kind::Long(0), "3600000",
        "How far a record's time may be ahead of the broker's.";
    "message.timestamp.before.max.ms" "log.message.timestamp.before.max.ms" Kind::Long(0), FOREVER,
        "How far a record's time may be behind the broker's.";
    "message.timestamp.type" "log.message.timestamp.type" Kind::OneOf(&["CreateTime", "LogAppendTime"]), "CreateTime",
        "Whether records keep the time of their creation or get the time of their storage.";
    "min.cleanable.dirty.ratio" "log.cleaner.min.cleanable.ratio" Kind::Ratio, "0.5",
        "How much of a log must be uncompacted before it is compacted.";
    "min.compaction.lag.ms" "log.cleaner.min.compaction.lag.ms" Kind::Long(0), "0",
        "The shortest that a record stays uncompacted.";
    "min.insync.replicas" "min.insync.replicas" Kind::Int(1), "1",
        "Replicas that must have a record before acks=all is answered; here there is one.";
    "preallocate" "log.preallocate" Kind::Boolean, "false", "Whether a segment's file gets its full size at once.";
    "remote.log.copy.disable" "remote.log.copy.disable" Kind::Boolean, "false", "Whether tiered storage is read-only.";
    "remote.log.delete.on.disable" "remote.log.delete.on.disable" Kind::Boolean, "false",
        "Whether tiered data is deleted when tiered storage is switched off.";
    "remote.storage.enable" "remote.storage.enable" Kind::Boolean, "false", "Whether the topic uses tiered storage.";
    "retention.bytes" "log.retention.bytes" Kind::Long(-1), "-1", "Bytes of a partition that are kept; -1 is all.";
    "retention.ms" "log.retention.ms" Kind::Long(-1), "86400000", "How long records are kept; -1 is forever.";
    "segment.bytes" "log.segment.bytes" Kind::Int(14), "1073741824", "The size at which a new segment is begun.";
    "segment.index.bytes" "log.index.size.max.bytes" Kind::Int(4), "10485760", "The largest size of a segment's index.";
    "segment.jitter.ms" "log.roll.jitter.ms" Kind::Long(0), "0", "A random part of segment.ms.";
    "segment.ms" "log.roll.ms" Kind::Long(1), "604800000", "The age at which a new segment is begun.";
    "unclean.leader.election.enable" "unclean.leader.election.enable" Kind::Boolean, "false",
        "Whether a replica that is behind may become leader.";
};

/// The setting with this name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Checks what a topic is to have.
///
/// # Errors
/// What is wrong, in Kafka's words.
pub fn check(settings: &Settings) -> Result<(), String> {
    for (name, value) in settings {
        let setting = find(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        setting
            .kind
            .check(value)
            .map_err(|why| format!("Invalid value {value} for configuration {name}: {why}"))?;
    }
    Ok(())
}

impl Kind {
    fn check(self, value: &str) -> Result<(), String> {
        match self {
            Self::Boolean => one_of(&["true", "false"], value)
                .map_err(|_| "Expected value to be either true or false".into()),
            Self::Int(least) => whole(value, "INT", least, i64::from(i32::MAX)),
            Self::Long(least) => whole(value, "LONG", least, i64::MAX),
            Self::Ratio => match value.trim().parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
                Ok(_) => Err("Value must be between 0 and 1".into()),
                Err(_) => Err("Not a number of type DOUBLE".into()),
            },
            Self::OneOf(allowed) => one_of(allowed, value),
            Self::ListOf(allowed) => items(value).try_for_each(|item| one_of(allowed, item)),
            Self::Replicas => Ok(()),
        }
    }

    /// Kafka's number for the type, as described configs carry it.
    pub fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::OneOf(_) => 2,
            Self::Int(_) => 3,
            Self::Long(_) => 5,
            Self::Ratio => 6,
            Self::ListOf(_) | Self::Replicas => 7,
        }
    }

    /// Whether values can be appended and subtracted.
    pub fn is_list(self) -> bool {
        self.code() == 7
    }
}

fn whole(value: &str, kind: &str, least: i64, most: i64) -> Result<(), String> {
    let number: i64 = value.trim().parse().map_err(|_| format!("Not a number of type {kind}"))?;
    if number > most {
        return Err(format!("Not a number of type {kind}"));
    }
    if number < least { Err(format!("Value must be at least {least}")) } else { Ok(()) }
}

fn one_of(allowed: &[&str], value: &str) -> Result<(), String> {
    let known = allowed.contains(&value);
    if known { Ok(()) } else { Err(format!("String must be one of: {}", allowed.join(", "))) }
}

/// The items of a list value.
pub fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The value that holds: the topic's own, or the default.
pub fn value<'a>(settings: &'a Settings, name: &str) -> &'a str {
    let own = settings.get(name).map(String::as_str);
    own.unwrap_or_else(|| find(name).map_or("", |setting| setting.default))
}

/// A whole-number setting that [`check`] has passed.
pub fn number(settings: &Settings, name: &str) -> i64 {
    value(settings, name).trim().parse().unwrap_or(-1)
}

/// What the log obeys.
pub fn rules(settings: &Settings, sync: bool) -> Rules {
    let segment_ms = number(settings, "segment.ms");
    let compaction = Compaction {
        dirty_ratio: value(settings, "min.cleanable.dirty.ratio").trim().parse().unwrap_or(0.5),
        min_lag_ms: number(settings, "min.compaction.lag.ms"),
        max_lag_ms: number(settings, "max.compaction.lag.ms"),
        delete_retention_ms: number(settings, "delete.retention.ms"),
    };
    let cleans_by = |policy| items(value(settings, "cleanup.policy")).any(|known| known == policy);
    let compacts = cleans_by("compact");
    Rules {
        segment_bytes: number(settings, "segment.bytes") as u64,
        segment_ms: if compacts { segment_ms.min(compaction.max_lag_ms) } else { segment_ms },
        segment_jitter_ms: number(settings, "segment.jitter.ms"),
        retention_ms: number(settings, "retention.ms"),
        retention_bytes: number(settings, "retention.bytes"),
        deletes: cleans_by("delete"),
        compaction: compacts.then_some(compaction),
        max_batch_bytes: number(settings, "max.message.bytes") as usize,
        codec: codec(settings),
        ahead_ms: number(settings, "message.timestamp.after.max.ms"),
        behind_ms: number(settings, "message.timestamp.before.max.ms"),
        stamps: value(settings, "message.timestamp.type") == "LogAppendTime",
        sync,
    }
}

/// The codec of `compression.type`, if it is not the producers' own.
fn codec(settings: &Settings) -> Option<Codec> {
    let name = value(settings, "compression.type");
    let number = ["uncompressed", "gzip", "snappy", "lz4", "zstd"].iter().position(|codec| *codec == name)?;
    let level = match name {
        "gzip" | "zstd" => self::number(settings, &format!("compression.{name}.level")) as i32,
        // Kafka's default of 9 names lz4's fast way, which its library calls 0.
        "lz4" => Some(self::number(settings, "compression.lz4.level") as i32)
            .filter(|level| *level != 9)
            .unwrap_or(0),
        _ => 0,
    };
    Some(Codec { number: number as i16, level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check_and_names_are_sorted() {
        for setting in SETTINGS {
            setting.kind.check(setting.default).unwrap();
        }
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    }

    #[test]
    fn wrong_values_are_refused_in_kafkas_words() {
        let refused = |name: &str, value: &str| {
            check(&Settings::from([(name.to_string(), value.to_string())])).unwrap_err()
        };
        assert_eq!(refused("retention", "1"), "Unknown topic config name: retention");
        assert_eq!(
            refused("retention.ms", "soon"),
            "Invalid value soon for configuration retention.ms: Not a number of type LONG"
        );
        for (name, value) in [
            ("retention.ms", "-2"),
            ("segment.bytes", "1"),
            ("segment.bytes", "3000000000"),
            ("cleanup.policy", "delete,shrink"),
            ("compression.type", "rar"),
            ("min.cleanable.dirty.ratio", "1.5"),
            ("preallocate", "yes"),
        ] {
            refused(name, value);
        }
    }

    #[test]
    fn rules_follow_the_settings() {
        let settings = Settings::from([
            ("cleanup.policy".to_string(), "compact".to_string()),
            ("message.timestamp.type".to_string(), "LogAppendTime".to_string()),
        ]);
        let rules = rules(&settings, false);
        assert!(rules.compaction.is_some() && !rules.deletes && rules.stamps);
        assert_eq!(rules.max_batch_bytes, 1_048_588);
    }
}
