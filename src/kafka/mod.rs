//! The Kafka client: the only room that knows librdkafka, and asks brokers what it cannot.

pub mod admin;
pub mod ages;
mod allowance;
mod assignment;
mod batch;
mod committed;
pub mod compacted;
pub mod config;
pub mod context;
mod coordinators;
pub mod disk;
pub mod groups;
pub mod java;
pub mod letter;
pub mod mirror;
pub mod native;
pub mod offsets;
pub mod producer;
pub mod properties;
pub mod reader;
mod settle;
pub mod single;
pub mod start;
pub mod tail;
mod wire;
