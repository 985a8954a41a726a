//! The Kafka client: the only room that knows librdkafka.

pub mod config;
pub mod context;
pub mod properties;
