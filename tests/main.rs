//! All integration tests in one binary: a module per promise.

mod services;
mod support;

mod broker;
mod catalog;
mod cli;
mod consume;
mod r#gen;
mod produce;
mod topics;
mod windows;
