//! All integration tests in one binary: a module per promise.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod services;
mod support;

mod aggregates;
mod alignment;
mod broker;
mod catalog;
mod cli;
mod consume;
mod r#gen;
mod golden;
mod joins;
mod produce;
mod sessions;
mod state;
mod tables;
mod topics;
mod windows;
