//! Log lines: to standard error or a file, as text or JSON, as loud as asked.

use super::common::{LogArgs, LogFormat};
use crate::{Error, Result};
use std::fs::OpenOptions;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// What these say of failures, the error that a command ends with says better, and not every failure of theirs is one.
/// librdkafka itself is heard as `kafka`.
const SILENT: &str = "buoyant_kernel=off,deltalake_core=off,rdkafka=off";

/// Starts logging for the process. `ECAP_LOG` filters by module and wins over `-v` and `-q`.
///
/// # Errors
/// A usage error when the log file cannot be opened or `ECAP_LOG` is not a filter.
pub fn start(args: &LogArgs) -> Result<()> {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "ecap=info,kafka=info,warn",
        (false, _) => "ecap=debug,kafka=debug,info",
    };
    let filter = match std::env::var("ECAP_LOG") {
        Ok(text) => EnvFilter::try_new(&text).map_err(|error| Error::usage(format!("ECAP_LOG: {error}")))?,
        Err(_) if args.verbose < 2 => EnvFilter::new(format!("{level},{SILENT}")),
        Err(_) => EnvFilter::new(level),
    };
    let (writer, colour) = match &args.log_file {
        None => (BoxMakeWriter::new(std::io::stderr), super::output::has_colour(super::output::Stream::Err)),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| Error::usage(format!("log file {}: {error}", path.display())))?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
    };
    // It would tell of a line that cannot be written on standard error, and panic where that is what cannot be.
    let lines = tracing_subscriber::fmt().log_internal_errors(false);
    let lines = lines.with_env_filter(filter).with_writer(writer).with_ansi(colour);
    // Only a second start in one process fails, and then the first one stands.
    let _ = match args.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    Ok(())
}
