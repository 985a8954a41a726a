//! `ecap-topics config`

use crate::Result;
use crate::cli::common::{CommonArgs, Setting};
use crate::cli::output::{self, Show, Table};
use serde::Serialize;

/// Show each shared setting, its value and where it comes from
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A flag wins over the environment, the environment over the profile, the profile over the \
    default. Secrets are hidden.\n\nExample: ecap-topics config --profile staging"
)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Origins {
    settings: Vec<Setting>,
}

pub fn run(_: &Args, common: &CommonArgs) -> Result<()> {
    output::show(&Origins { settings: common.settings()?.origins }, &common.output)
}

impl Show for Origins {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["setting", "value", "from"]);
        for Setting { name, value, origin } in &self.settings {
            table.row([name, value, origin].map(String::as_str));
        }
        table
    }
}
