//! Asking the process that runs, through its API: `start-consumers`, `stop-consumers`, `restart-consumers`, and what others
//! show.

use super::registry;
use crate::cli::output;
use crate::consumers::health::Status;
use crate::consumers::http::client::{Answer, Question, ask as send};
use crate::consumers::http::{PREFIX, token_of};
use crate::consumers::process::owner;
use crate::error::Fault;
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
    good(answered(address, path, false, None)?)
}

/// The same; nothing where there is no such consumer.
///
/// # Errors
/// When it does not answer.
pub fn find_at(address: &str, path: &str) -> Result<Option<String>> {
    let answer = answered(address, path, false, None)?;
    if answer.status == 404 { Ok(None) } else { good(answer).map(Some) }
}

fn answered(address: &str, path: &str, is_post: bool, token: Option<&str>) -> Result<Answer> {
    let url = format!("{address}{PREFIX}/{path}");
    send(&Question { is_post, url: &url, token, body: None, within: WITHIN, by_proxy: false })
}

/// What a good answer says. Who asks has to act on one that is not, but where the process cannot answer now, or fails.
fn good(Answer { status, body }: Answer) -> Result<String> {
    let fault = match status {
        200..300 => return Ok(body),
        429 | 502..=504 => Fault::Unreachable,
        500.. => Fault::Failed,
        _ => Fault::Usage,
    };
    let said: Option<Value> = serde_json::from_str(&body).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str());
    let message = format!("the process that runs the consumers answers {status}");
    let error = Error::new(fault, said.map_or(message, Into::into));
    Err(if matches!(status, 401 | 403) { error.hint("--token-file FILE, or ECAP_TOKEN") } else { error })
}

/// Asks the running process to do something with consumers: all of them, or those that are named.
///
/// # Errors
/// An unreachable error where none runs; a usage error with the nearest name where one is not registered, its definition is
/// wrong, or the token is not the right one.
pub fn ask(args: &Args, verb: &str) -> Result<()> {
    let address = process()?.ok_or_else(nobody)?;
    let token = token_of(args.token_file.as_deref(), std::env::var("ECAP_TOKEN").ok())?;
    let mut names = args.names.clone();
    if names.is_empty() {
        let status: Status = parsed(&get_at(&address, "status")?)?;
        names = status.consumer_details.into_keys().collect();
    }
    for name in names {
        crate::consumers::registry::check_name(&name)?;
        let answer = answered(&address, &format!("consumers/{name}/{verb}"), true, token.as_deref())?;
        let answer: Value = parsed(&good(answer)?)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    #[test]
    fn only_who_is_not_there_is_taken_for_one_that_was_taken_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            for status in ["404 Not Found", "503 Busy"] {
                let (mut stream, _) = listener.accept().unwrap();
                let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                head.take_while(|line| !line.is_empty()).for_each(drop);
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        let find = || find_at(&address, "consumers/x").map_err(|error| error.fault());
        assert_eq!((find(), find()), (Ok(None), Err(Fault::Unreachable)));
        server.join().unwrap();
    }

    #[test]
    fn what_cannot_be_answered_now_is_no_wrong_usage() {
        let fault = |status, body: &str| {
            let answer = good(Answer { status, body: body.into() });
            answer.map_err(|error| (error.fault(), error.to_string()))
        };
        let said = "{\"error\": \"too many connections\"}";
        assert_eq!(fault(202, "{}"), Ok("{}".into()));
        assert_eq!(fault(503, said), Err((Fault::Unreachable, "too many connections".into())));
        assert_eq!(fault(409, "{\"error\": \"wrong\"}"), Err((Fault::Usage, "wrong".into())));
        let bare = "the process that runs the consumers answers 500".into();
        assert_eq!(fault(500, "<html>"), Err((Fault::Failed, bare)));
        let token = fault(401, "{\"error\": \"a token\"}").unwrap_err();
        assert_eq!(token, (Fault::Usage, "a token: --token-file FILE, or ECAP_TOKEN".into()));
    }
}
