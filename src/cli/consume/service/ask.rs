//! Asking the process that runs, through its API: `start-consumers`, `stop-consumers`, `restart-consumers`, and what others
//! show.

use super::registry;
use crate::cli::output;
use crate::consumers::health::Status;
use crate::consumers::http::client::{Answer, Question, ask as send};
use crate::consumers::http::{PREFIX, token_of};
use crate::consumers::process::owner;
use crate::{Error, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// The process answers at once, or not at all.
const WITHIN: Duration = Duration::from_secs(10);

/// Which consumers.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only these, comma separated or one after the other
    #[arg(long = "name", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    names: Vec<String>,
    /// A file with the token of the process, where it has one [env: ECAP_TOKEN]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
}

/// No process runs the consumers.
pub fn nobody() -> Error {
    Error::unreachable("no process runs the consumers").hint("`ecap-consume run` starts one")
}

/// Where the running process answers; nothing where none runs.
///
/// # Errors
/// When it does not say.
pub fn process() -> Result<Option<String>> {
    Ok(owner(&registry())?.and_then(|owner| owner.address))
}

/// What the running process answers below its API's path; nothing where none runs.
///
/// # Errors
/// A usage error where there is no such consumer; when it does not answer.
pub fn get(path: &str) -> Result<Option<String>> {
    process()?.map(|address| get_at(&address, path)).transpose()
}

/// What the process at an address answers below its API's path.
///
/// # Errors
/// A usage error where there is no such consumer; when it does not answer.
pub fn get_at(address: &str, path: &str) -> Result<String> {
    answered(address, path, false, None)
}

fn answered(address: &str, path: &str, is_post: bool, token: Option<&str>) -> Result<String> {
    let url = format!("{address}{PREFIX}/{path}");
    let question = Question { is_post, url: &url, token, body: None, within: WITHIN, by_proxy: false };
    let answer = send(&question)?;
    if answer.is_good() {
        return Ok(answer.body);
    }
    let Answer { status, body } = answer;
    let said: Option<Value> = serde_json::from_str(&body).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str());
    let error = Error::usage(said.map_or_else(|| format!("{url}: the answer is {status}"), Into::into));
    Err(if matches!(status, 401 | 403) { error.hint("--token-file FILE, or ECAP_TOKEN") } else { error })
}

/// Asks the running process to do something with consumers: all of them, or those that are named.
///
/// # Errors
/// An unreachable error where none runs; a usage error with the nearest name where one is not registered, or the token is
/// not the right one.
pub fn ask(args: &Args, verb: &str) -> Result<()> {
    let address = process()?.ok_or_else(nobody)?;
    let token = token_of(args.token_file.as_deref(), std::env::var("ECAP_TOKEN").ok())?;
    let mut names = args.names.clone();
    if names.is_empty() {
        let status: Status = parsed(&answered(&address, "status", false, None)?)?;
        names = status.consumer_details.into_keys().collect();
    }
    for name in names {
        crate::consumers::registry::check_name(&name)?;
        let body = answered(&address, &format!("consumers/{name}/{verb}"), true, token.as_deref())?;
        let answer: Value = parsed(&body)?;
        output::print(&format!("{name}: {}\n", answer["status"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// What an answer says.
///
/// # Errors
/// When it is not the document that it should be.
pub fn parsed<T: serde::de::DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|error| Error::failed(format!("what answers is no ecap-consume: {error}")))
}
