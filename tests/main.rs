//! All integration tests in one binary: a module per promise.

mod services;
mod support;

mod broker;
mod topics;
mod windows;
