//! Asking over HTTP: the API of another process, and whoever wants alerts.

use crate::{Error, Result};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// Whether what was asked for was done.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whether something is to be done.
    pub is_post: bool,
    /// Where.
    pub url: &'a str,
    /// Who asks.
    pub token: Option<&'a str>,
    /// What is told, as JSON.
    pub body: Option<&'a str>,
    /// How long the answer may take.
    pub within: Duration,
    /// Whether the proxies of the environment are used.
    pub by_proxy: bool,
}

/// Asks, and waits for the answer.
///
/// # Errors
/// An unreachable error where none comes.
pub fn ask(question: &Question<'_>) -> Result<Answer> {
    let failed = |error: reqwest::Error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let causes: Vec<_> = causes.skip(1).map(ToString::to_string).collect();
        let cause = causes.last().cloned().unwrap_or_else(|| error.to_string());
        Error::unreachable(format!("{}: no answer: {cause}", without_secrets(question.url)))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = reqwest::Client::builder()
            .timeout(question.within)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("ecap/", env!("CARGO_PKG_VERSION")));
        if !question.by_proxy {
            client = client.no_proxy();
        }
        let client = client.build().map_err(failed)?;
        let mut request = if question.is_post { client.post(question.url) } else { client.get(question.url) };
        if let Some(token) = question.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = question.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok(Answer { status, body: answer.text().await.map_err(failed)? })
    })
}

/// An address without what may be secret in it: the user, and what is behind the path's first part.
fn without_secrets(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        Err(_) => "the address".into(),
    }
}
