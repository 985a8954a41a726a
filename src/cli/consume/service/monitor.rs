//! `monitor`: the consumers, live in a terminal or as a stream of status documents.

mod draw;
mod inside;
mod sample;
mod view;

use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Stream};
use crate::cli::screen::{self, Form};
use sample::Sampler;
use view::Chosen;

/// Watch the consumers: rates, lag, watermark, time of batches, state, late records and dead letters
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Keys: q quit, arrows select, Enter looks into a consumer (batches, partitions, rows given out, changes of its \
    status, dead letters), Tab its next list, Esc back, s sorts by the next column, r turns the order, / filters, ? \
    explains.\n\nThe process that runs the consumers may end and come back. With --format json there is a document for each \
    interval, that of `status`.\n\n\
    Examples:\n  ecap-consume monitor --interval 10\n  ecap-consume monitor --interval 10 --format json"
)]
pub struct Args {
    #[command(flatten)]
    reading: screen::Args,
}

/// Shows the consumers until the end is asked for.
///
/// # Errors
/// A usage error where there is neither a terminal nor `--format json`.
pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let form = Form::of(&common.output)?;
    let mut sampler = Sampler::new(form == Form::Screen);
    let chosen = Chosen::new(output::has_colour(Stream::Out));
    screen::run(form, &args.reading, chosen, move |now, wanted| sampler.sample(now, wanted))
}
