//! All integration tests in one binary: a module per promise.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod services;
mod support;

mod broker;
mod catalog;
mod cli;
mod consume;
mod consumers;
mod engine;
mod r#gen;
mod golden;
mod produce;
mod sinks;
mod sinks_exec;
mod sinks_kafka;
mod topics;
