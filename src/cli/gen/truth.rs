//! The options that say what is written down beside the records.

use crate::cli::output;
use crate::generate::{Extent, Timeline, Window};
use crate::new_file::NewFile;
use crate::{Error, Result};
use std::path::PathBuf;

/// What is written down beside the records.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Truth")]
pub struct TruthArgs {
    /// Write down which record got which fault, and what each window must sum to, as lines of JSON
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Windows to add up, as 1m, or 5m/1m for five minutes every minute; may be given more than once
    #[arg(long, value_name = "WINDOW", value_parser = Window::parse, requires = "truth")]
    truth_window: Vec<Window>,
}

impl TruthArgs {
    /// Whether windows are to be added up.
    pub fn has_windows(&self) -> bool {
        !self.truth_window.is_empty()
    }

    /// Begins the file, where one is asked for: what is wrong with it shows before the records are made.
    ///
    /// # Errors
    /// When it is there already or cannot be written.
    pub fn begin(&self, overwrite: bool) -> Result<Option<NewFile>> {
        self.truth.as_ref().map(|path| NewFile::create(path, overwrite)).transpose()
    }

    /// Writes what is true of an extent of records into the file that was begun.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&self, file: Option<NewFile>, timeline: &Timeline, extent: &Extent) -> Result<()> {
        let (Some(path), Some(mut file)) = (&self.truth, file) else { return Ok(()) };
        let written = timeline.write_truth(extent, &self.truth_window, &mut file);
        written.map_err(|error| Error::from(error).at(path.display()))?;
        file.finish()?;
        output::note(&format!("what is true of them in {}", path.display()));
        Ok(())
    }
}
