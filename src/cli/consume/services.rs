//! Sinks that are services: a topic, a table, a command.

use super::sink::Around;
use super::sink_options::Chosen;
use crate::cli::output;
use crate::clock::SystemClock;
use crate::postgres::Server;
use crate::sink::Sink;
use crate::sink::exec::{Exec, Form};
use crate::sink::kafka::{Destination, Direct, KafkaSink};
use crate::sink::postgres::{PostgresSink, Target};
use crate::units::parse_duration;
use crate::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

/// How long a cluster may take to acknowledge a row.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a transaction may last: a batch takes seconds, and what a killed run left open hides what follows it from
/// readers of committed records until then.
pub const LONGEST: Duration = Duration::from_secs(300);

/// Rows into a topic.
pub fn kafka(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    let (settings, columns) = (around.settings, around.plan.result_columns());
    let name = chosen.needed("topic", "--sink-option topic=alerts")?;
    let topic = settings.any_topic(name);
    if around.plan.scans.iter().any(|scan| scan.topic.name == topic.name) {
        let message = format!("the query reads topic '{name}', and would read its own results");
        return Err(Error::usage(message).hint("name another topic"));
    }
    let own = || topic.record.iter().map(|record| record.key.clone());
    let own = || own().filter(|key| columns.field_with_name(key).is_ok()).collect();
    let destination = Destination {
        connection: settings.connection.clone(),
        prefix: settings.prefix.clone(),
        key: chosen.list("key").unwrap_or_else(own),
        patience: PATIENCE,
        longest: chosen.option("timeout").map_or(Ok(LONGEST), parse_duration)?,
        clock: Arc::new(SystemClock),
        topic,
    };
    settings.connection.check()?;
    if around.is_continuous {
        let sink = Direct::new(&destination, &columns, around.query)?;
        output::note(&format!(
            "sink {}: rows go to topic {name} at least once: the continuous trigger has no transactions",
            chosen.name
        ));
        return Ok(Box::new(sink));
    }
    Ok(Box::new(KafkaSink::new(destination, &columns, &around.writer(chosen))?))
}

/// Rows into a table.
pub fn postgres(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    needs_batches(chosen, around)?;
    let url = chosen.needed("url", "--sink-option url=postgres://user@host/database")?;
    let (server, table) = Server::parse(url)?;
    let table = match (chosen.option("table"), table) {
        (Some(table), _) => table.to_string(),
        (None, Some(table)) => table,
        (None, None) => chosen.needed("table", "--sink-option table=results")?.to_string(),
    };
    let target = Target { server, table, key: chosen.list("merge-on").unwrap_or_default() };
    Ok(Box::new(PostgresSink::new(target, around.plan.result_columns(), around.writer(chosen))?))
}

/// Batches to a command.
pub fn exec(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    needs_batches(chosen, around)?;
    let command = chosen.needed("command", "--command './take.sh'")?;
    let form = match chosen.option("format") {
        None | Some("ndjson") => Form::Ndjson,
        Some("arrow") => Form::Arrow,
        Some(other) => {
            let error = Error::usage(format!("'{other}' is no form of a batch"));
            return Err(error.hint("--sink-option format=ndjson or format=arrow"));
        }
    };
    Ok(Box::new(Exec::new(command.into(), form, around.writer(chosen))))
}

fn needs_batches(chosen: &Chosen, around: &Around<'_>) -> Result<()> {
    if around.is_continuous {
        let kind = chosen.kind.name();
        let message =
            format!("--sink {kind} tells batches by their number, and the continuous trigger has none");
        return Err(Error::usage(message).hint("--trigger 0s, or --sink kafka, at least once"));
    }
    Ok(())
}
