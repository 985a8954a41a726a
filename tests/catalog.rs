//! The built-in catalog is what the platform documents, number by number.

use ecap::catalog::{Catalog, RECORD_TIME, Record, Topic};
use ecap::record::schema::Schema;
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const KIB: usize = 1_024;

/// A row of the documented table.
struct Documented {
    topic: &'static str,
    partitions: i32,
    retention: u64,
    segment: u64,
    cleanup: &'static str,
    compression: &'static str,
    max_message: usize,
    key: &'static str,
    events_per_hour: [u64; 2],
}

#[rustfmt::skip]
const TABLE: [Documented; 6] = [
    Documented { topic: "transactions", partitions: 6, retention: 7 * DAY, segment: DAY, cleanup: "delete",
        compression: "lz4", max_message: 1024 * KIB, key: "user_id", events_per_hour: [10_000, 50_000] },
    Documented { topic: "user-events", partitions: 12, retention: 3 * DAY, segment: 12 * HOUR, cleanup: "delete",
        compression: "lz4", max_message: 512 * KIB, key: "session_id", events_per_hour: [100_000, 500_000] },
    Documented { topic: "product-updates", partitions: 3, retention: 30 * DAY, segment: 7 * DAY, cleanup: "compact",
        compression: "gzip", max_message: 2048 * KIB, key: "product_id", events_per_hour: [1_000, 10_000] },
    Documented { topic: "fraud-alerts", partitions: 2, retention: 90 * DAY, segment: 7 * DAY, cleanup: "delete",
        compression: "gzip", max_message: 1024 * KIB, key: "user_id", events_per_hour: [100, 1_000] },
    Documented { topic: "analytics-results", partitions: 4, retention: 14 * DAY, segment: DAY, cleanup: "delete",
        compression: "gzip", max_message: 10_240 * KIB, key: "metric_type", events_per_hour: [500, 5_000] },
    Documented { topic: "customer-transactions", partitions: 3, retention: DAY, segment: HOUR, cleanup: "delete",
        compression: "gzip", max_message: 1024 * KIB, key: "customer_id", events_per_hour: [3_600, 3_600] },
];

fn catalog() -> Catalog {
    Catalog::built_in().unwrap()
}

fn record(topic: &str) -> Record {
    catalog().topic(topic).unwrap().record.clone().unwrap()
}

fn setting<'a>(topic: &'a Topic, name: &str) -> &'a str {
    topic.config.get(name).map_or("", String::as_str)
}

#[test]
fn every_topic_has_its_documented_settings() {
    let catalog = catalog();
    let declared: Vec<_> = catalog.topics().iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(declared[..6], TABLE.map(|row| row.topic));
    for row in TABLE {
        let topic = catalog.topic(row.topic).unwrap();
        let name = row.topic;
        assert_eq!((topic.partitions, topic.replication), (row.partitions, 1), "{name}");
        assert_eq!(setting(topic, "min.insync.replicas"), "1", "{name}");
        assert_eq!(setting(topic, "retention.ms"), row.retention.to_string(), "{name}");
        assert_eq!(setting(topic, "segment.ms"), row.segment.to_string(), "{name}");
        assert_eq!(setting(topic, "cleanup.policy"), row.cleanup, "{name}");
        assert_eq!(setting(topic, "compression.type"), row.compression, "{name}");
        assert_eq!(setting(topic, "max.message.bytes"), row.max_message.to_string(), "{name}");
        assert_eq!(topic.record.as_ref().unwrap().key, row.key, "{name}");
        assert_eq!(topic.events_per_hour, row.events_per_hour, "{name}");
        assert!(!topic.used_for.is_empty(), "{name}");
    }
}

#[test]
fn dead_letters_have_a_topic_beside_each() {
    let catalog = catalog();
    for row in TABLE {
        let dead = catalog.topic(&format!("{}.dlq", row.topic)).unwrap();
        assert_eq!(dead.partitions, row.partitions);
        assert_eq!(setting(dead, "retention.ms"), (14 * DAY).to_string());
        assert_eq!(setting(dead, "compression.type"), "gzip");
        assert_eq!(setting(dead, "cleanup.policy"), "delete");
        assert!(dead.max_message_bytes() > row.max_message, "a dead letter has room for its reason");
    }
    assert_eq!(catalog.topics().len(), 12, "and nothing else is declared");
}

/// Column names and types in order, as people document them.
#[track_caller]
fn has_columns(topic: &str, documented: &str) {
    let documented = Schema::parse(documented).unwrap();
    let declared = record(topic).columns();
    let names = |schema: &Schema| schema.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&declared), names(&documented), "{topic}");
    assert_eq!(declared, documented, "{topic}");
}

#[test]
fn records_have_their_documented_columns() {
    has_columns(
        "transactions",
        "transaction_id STRING NOT NULL, user_id STRING NOT NULL, session_id STRING, product_id STRING NOT NULL, \
         product_name STRING, category_id STRING, category_name STRING, subcategory STRING, brand STRING, \
         price DOUBLE NOT NULL, quantity INT NOT NULL, discount_applied DOUBLE, payment_method STRING, \
         payment_provider STRING, currency STRING, timestamp TIMESTAMP NOT NULL, \
         user_location STRUCT<country: STRING, state: STRING, city: STRING, zip_code: STRING, \
         latitude: DOUBLE, longitude: DOUBLE>, \
         device_info STRUCT<type: STRING, os: STRING, browser: STRING, user_agent: STRING>, \
         marketing_attribution STRUCT<campaign_id: STRING, channel: STRING, referrer: STRING>",
    );
    has_columns(
        "user-events",
        "event_id STRING NOT NULL, user_id STRING, session_id STRING NOT NULL, event_type STRING NOT NULL, \
         event_category STRING, page_url STRING, page_title STRING, timestamp TIMESTAMP NOT NULL, \
         duration_ms INT, event_properties MAP<STRING, STRING>, \
         user_location STRUCT<country: STRING, state: STRING, city: STRING, ip_address: STRING>, \
         device_info STRUCT<type: STRING, os: STRING, browser: STRING, screen_resolution: STRING, \
         viewport_size: STRING>",
    );
    has_columns(
        "product-updates",
        "product_id STRING NOT NULL, update_type STRING NOT NULL, product_name STRING, category_id STRING, \
         category_name STRING, subcategory STRING, brand STRING, price DOUBLE, previous_price DOUBLE, \
         currency STRING, stock_quantity INT, is_active BOOLEAN, timestamp TIMESTAMP NOT NULL",
    );
    has_columns(
        "fraud-alerts",
        "alert_id STRING NOT NULL, alert_type STRING NOT NULL, alert_severity STRING NOT NULL, \
         user_id STRING NOT NULL, transaction_id STRING, window_start TIMESTAMP, window_end TIMESTAMP, \
         transaction_count BIGINT, total_amount DOUBLE, category_diversity BIGINT, risk_score DOUBLE, \
         fraud_score DOUBLE, alert_timestamp TIMESTAMP NOT NULL",
    );
    has_columns(
        "analytics-results",
        "metric_type STRING NOT NULL, window_start TIMESTAMP, window_end TIMESTAMP, \
         dimensions MAP<STRING, STRING>, metrics MAP<STRING, DOUBLE>, processed_at TIMESTAMP NOT NULL",
    );
    has_columns(
        "customer-transactions",
        "customer_id STRING, transaction_id STRING, transaction_date STRING, first_name STRING, \
         last_name STRING, email STRING, phone STRING, age INT, gender STRING, city STRING, state STRING, \
         zip_code STRING, product_category STRING, quantity INT, unit_price DOUBLE, total_amount DOUBLE, \
         discount DOUBLE, final_amount DOUBLE, payment_method STRING, is_premium_customer BOOLEAN, \
         customer_since STRING, loyalty_points INT, record_id INT, \
         batch_number INT, batch_position INT, producer_timestamp DOUBLE, producer_timestamp_str STRING",
    );
}

#[test]
fn the_file_s_columns_and_the_producer_s_are_told_apart() {
    let record = record("customer-transactions");
    assert_eq!((record.schema.fields.len(), record.added.fields.len()), (23, 4));
}

#[test]
fn event_time_and_its_delay_are_the_documented_ones() {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for (topic, time, delay) in [
        ("transactions", "timestamp", minutes(10)),
        ("user-events", "timestamp", minutes(10)),
        ("product-updates", "timestamp", minutes(10)),
        ("fraud-alerts", "alert_timestamp", minutes(10)),
        ("analytics-results", "processed_at", minutes(10)),
        ("customer-transactions", RECORD_TIME, Duration::from_secs(30)),
    ] {
        let record = record(topic);
        assert_eq!((record.time.as_str(), record.watermark), (time, delay), "{topic}");
    }
}

#[test]
fn roles_and_rules_are_the_documented_ones() {
    for (topic, roles) in [
        ("transactions", ["total_amount", "user_id", "category_id"]),
        ("customer-transactions", ["final_amount", "customer_id", "product_category"]),
    ] {
        let found = record(topic).roles;
        let found = [found.amount, found.customer, found.category].map(Option::unwrap_or_default);
        assert_eq!(found, roles, "{topic}");
    }
    let critical = |topic: &str| record(topic).critical.join(" ");
    assert_eq!(critical("transactions"), "transaction_id user_id product_id price quantity timestamp");
    assert_eq!(critical("user-events"), "event_id session_id event_type timestamp");
    let rules = |topic: &str| -> BTreeMap<String, String> {
        record(topic).rules.into_iter().map(|rule| (rule.column, rule.bound.to_string())).collect()
    };
    let above_zero = |name: &str| (name.to_string(), "above 0".to_string());
    assert_eq!(rules("transactions"), BTreeMap::from(["price", "quantity"].map(above_zero)));
    assert_eq!(rules("user-events"), BTreeMap::from([("duration_ms".into(), "at least 0".into())]));
}

#[test]
fn an_optional_column_is_not_made_necessary_by_a_role() {
    for topic in TABLE.map(|row| row.topic).into_iter().filter(|topic| *topic != "customer-transactions") {
        let record = record(topic);
        for role in [&record.roles.amount, &record.roles.customer].into_iter().flatten() {
            let optional = record.columns().field(role).is_some_and(|field| field.nullable);
            assert!(!optional, "{topic}: a record without {role} would be refused, and its schema allows it");
        }
    }
}
