//! `status` and `progress`.

use super::ask::{get, nobody, parsed};
use super::shown::{ProgressShown, StatusShown};
use super::{load, registry};
use crate::cli::common::CommonArgs;
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::consumers::health::{Overall, Status, Thresholds};
use crate::consumers::supervisor::Snapshot;
use crate::{Error, Result};

/// Shows how the consumers are.
///
/// # Errors
/// A check error where one is not healthy; an unreachable error where no process runs them.
pub fn status(common: &CommonArgs) -> Result<()> {
    let running = get("status")?;
    let is_running = running.is_some();
    let status: Status = match running {
        Some(body) => parsed(&body)?,
        None => {
            let registry = load(&registry())?;
            Status::of(&Snapshot::stopped(&registry, SystemClock.now()), &Thresholds::default())
        }
    };
    let (overall, wrong, all) = (status.overall_status, status.unhealthy_consumers, status.total_consumers);
    output::show(&StatusShown(status), &common.output)?;
    match overall {
        _ if !is_running => Err(nobody()),
        Overall::Healthy => Ok(()),
        _ => {
            let s = if all == 1 { " is" } else { "s are" };
            let hint = "`ecap-consume progress --name NAME` shows the last batches of one";
            Err(Error::check(format!("{wrong} of {all} consumer{s} not healthy")).hint(hint))
        }
    }
}

/// Shows the last batches of a consumer.
///
/// # Errors
/// A usage error with the nearest name where it is not registered; an unreachable error where no process runs it.
pub fn progress(name: &str, common: &CommonArgs) -> Result<()> {
    crate::consumers::registry::check_name(name)?;
    let body = get(&format!("consumers/{name}/progress"))?.ok_or_else(nobody)?;
    output::show(&ProgressShown(parsed(&body)?), &common.output)
}
