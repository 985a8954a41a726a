//! The rooms of ecap, and how a record walks through them.
//!
//! A record is **generated** ([`generate`]), put into paced batches ([`produce`]), sent through the
//! Kafka client ([`kafka`]) and kept by a broker: Apache Kafka, or the embedded one ([`broker`]).
//! On its way back it is read in batches bounded in bytes ([`kafka`], or a [`folder`] of files), decoded into
//! columns ([`record`]), windowed by a SQL query ([`query`] plans it, [`engine`] runs it and keeps time and
//! state), joined with [`tables`] that do not grow, and shown or kept ([`sink`]). What a topic is stands
//! in the [`catalog`], and only there. Records that could not be used are looked at and sent back ([`dead_letters`]). Many
//! queries run as one service ([`consumers`]).
//!
//! Dependencies point one way:
//! `bin → cli → {consumers, folder, dead_letters} → {produce, generate} → {query, engine} → {sink, kafka, broker, tables} → catalog →
//! record`. [`error`], [`clock`], [`units`], [`new_file`], [`lock`], [`host`], [`program`], [`process`],
//! [`partitioner`], [`exposition`], [`place`] and [`postgres`] are what every room may use.

pub mod broker;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod consumers;
pub mod dead_letters;
pub mod delta;
pub mod engine;
pub mod error;
pub mod exposition;
pub mod failpoint;
pub mod folder;
pub mod generate;
pub mod host;
pub mod kafka;
pub mod lock;
pub mod new_file;
pub mod partitioner;
pub mod place;
pub mod postgres;
pub mod process;
pub mod produce;
pub mod program;
pub mod query;
pub mod record;
pub mod shell;
pub mod sink;
pub mod tables;
pub mod units;

pub use error::{Error, Result};

// librdkafka allocates each message in its thread, and we give it back in ours. The C library's allocator takes a
// lock for that: reading takes half as long again with it. This one serves librdkafka too; its settings are in
// `.cargo/config.toml`.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
