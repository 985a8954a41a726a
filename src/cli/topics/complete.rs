//! Names from the cluster, for the shell's completion.

use crate::cli::common::CommonArgs;
use crate::kafka::admin::Admin;
use crate::{Error, Result};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use std::ffi::OsStr;
use std::sync::mpsc::channel;
use std::time::Duration;

/// A person who pressed the tab key waits no longer, whatever the broker does.
const PATIENCE: Duration = Duration::from_millis(300);

/// Topics of the cluster; the catalog's while it does not answer.
pub fn topics() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        starting_with(typed, in_time(topics_of_cluster).or_else(|_| declared()))
    })
}

/// Topics of the catalog.
pub fn catalog_topics() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| starting_with(typed, declared()))
}

/// Consumer groups of the cluster.
pub fn groups() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| starting_with(typed, in_time(groups_of_cluster)))
}

/// Settings that topics of the cluster have.
pub fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| starting_with(typed, in_time(settings_of_cluster)))
}

/// The same, with what stands before a value.
pub fn values() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = in_time(settings_of_cluster);
        starting_with(typed, names.map(|names| names.into_iter().map(|name| name + "=").collect()))
    })
}

/// What is known in time. The thread is not waited for: the process ends with its answer.
fn in_time(ask: fn() -> Result<Vec<String>>) -> Result<Vec<String>> {
    let (answer, heard) = channel();
    std::thread::Builder::new().spawn(move || answer.send(ask()))?;
    heard.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(Error::unreachable("no answer in time")))
}

fn topics_of_cluster() -> Result<Vec<String>> {
    let cluster = admin()?.cluster(PATIENCE)?;
    let topics = cluster.topics.into_iter().filter(|topic| !topic.is_internal());
    Ok(topics.map(|topic| topic.name).collect())
}

fn groups_of_cluster() -> Result<Vec<String>> {
    Ok(admin()?.groups(&[], PATIENCE)?.into_iter().map(|group| group.name).collect())
}

/// All topics have the same ones, so any topic tells them.
fn settings_of_cluster() -> Result<Vec<String>> {
    let admin = admin()?;
    let Some(topic) = admin.cluster(PATIENCE)?.topics.pop() else { return Ok(Vec::new()) };
    let settings = admin.settings(&[&topic.name], &[])?.into_values().flatten();
    Ok(settings.map(|setting| setting.name).collect())
}

fn declared() -> Result<Vec<String>> {
    let catalog = CommonArgs::default().settings()?.catalog;
    Ok(catalog.topics().iter().map(|topic| topic.name.clone()).collect())
}

/// A client by what the environment and the profile say: the flags are not parsed yet.
fn admin() -> Result<Admin> {
    Admin::new(&CommonArgs::default().settings()?.connection)
}

fn starting_with(typed: &OsStr, names: Result<Vec<String>>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let names = names.unwrap_or_default().into_iter();
    names.filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}
