//! Consumers as a service: queries that have names, run in one process, are started again when they fail, and can be
//! looked at from outside.
//!
//! What runs is not known here: a [`supervisor::Runner`] turns a definition into a query. What a consumer does is a
//! state machine that waits for nothing ([`lifecycle`]); all that is shown comes from one [`supervisor::Snapshot`].

pub mod alerts;
pub mod brokers;
pub mod counts;
pub mod health;
pub mod http;
pub mod last_rows;
pub mod lifecycle;
pub mod process;
pub mod registry;
pub mod supervisor;
pub mod vitals;
