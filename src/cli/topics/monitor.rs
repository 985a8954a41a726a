//! `ecap-topics monitor`

mod draw;
mod sample;
mod view;

use self::sample::{Memory, Sampler};
use self::view::Chosen;
use super::session::Session;
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Stream};
use crate::cli::screen::{self, Form};

/// Watch topics and groups: messages and bytes a second, distribution, lag and its trend
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Keys: q quit, Tab the other list, arrows select, Enter looks into a topic, Esc back, s sorts by the \
    next column, r turns the order, / filters. A group with * mirrors the progress of a query.\n\n\
    Bytes a second are estimated: messages a second, times the mean size of records, of which one is read for each \
    partition and interval. Skew is the fullest partition by the mean. Without a terminal, or with --format json, there is \
    a document for each interval.\n\n\
    Examples:\n  ecap-topics monitor\n  ecap-topics monitor --interval 10s --format json"
)]
pub struct Args {
    #[command(flatten)]
    reading: screen::Args,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let form = Form::of(&common.output)?;
    let Session { settings, admin, .. } = Session::open(common)?;
    let mut sampler = Sampler { admin, connection: settings.connection, memory: Memory::default() };
    let chosen = Chosen::new(output::has_colour(Stream::Out));
    screen::run(form, &args.reading, chosen, move |now, _| sampler.sample(now))
}
