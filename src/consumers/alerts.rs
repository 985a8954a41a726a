//! Alerts: a command or a web address is told when the status of a consumer changes, once for each change.

use super::health::{Metrics, Thresholds, judge};
use super::http::client::{Question, ask};
use super::lifecycle::State;
use super::supervisor::{Seen, Snapshot};
use crate::clock::{Stop, Timer};
use crate::sink::retry::pause;
use crate::units::format_rfc3339;
use crate::{Error, Result, shell};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// An alert is given so often, with pauses of a minute together, before it is given up.
const TRIES: u64 = 9;

/// So long may each time take.
const WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(50);

/// So many alerts wait for those before them.
const WAITING: usize = 1_000;

/// After so long without a failure a consumer is well again, although it has done no batch.
const SETTLED: Duration = Duration::from_secs(60);

/// A change of a consumer's status. Its serialised form is documented.
#[derive(Debug, Clone, Serialize)]
pub struct Alert {
    /// Which consumer.
    pub consumer_name: String,
    /// Whether it is healthy now.
    pub is_healthy: bool,
    /// Its status now.
    pub status: String,
    /// Its status before; null where it is the first.
    pub previous_status: Option<String>,
    /// Why it is not healthy.
    pub errors: Vec<String>,
    /// Its numbers.
    pub metrics: Metrics,
    /// When it was seen, RFC 3339.
    pub timestamp: String,
}

/// The status that each consumer had when it was told of last.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<String, &'static str>);

impl Changes {
    /// The alerts that a snapshot gives. What only leads from one status to another is none, and a consumer that was
    /// never unwell is told of when it is.
    pub fn of(&mut self, snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for seen in &snapshot.consumers {
            let judgement = judge(seen, thresholds);
            if !is_settled(seen) {
                continue;
            }
            let before = self.0.insert(seen.name.clone(), judgement.status);
            let is_well = judgement.is_healthy || seen.state == State::Stopped;
            if before == Some(judgement.status) || before.is_none() && is_well {
                continue;
            }
            alerts.push(Alert {
                consumer_name: seen.name.clone(),
                is_healthy: judgement.is_healthy,
                status: judgement.status.into(),
                previous_status: before.map(Into::into),
                errors: judgement.errors,
                metrics: Metrics::of(seen),
                timestamp: format_rfc3339(snapshot.at),
            });
        }
        alerts
    }
}

fn is_settled(seen: &Seen) -> bool {
    match seen.state {
        State::Pending | State::Starting | State::Stopping => false,
        // It may fail again at once.
        State::Running => {
            seen.consecutive_failures == 0 || seen.uptime.is_some_and(|uptime| uptime >= SETTLED)
        }
        _ => true,
    }
}

/// Who is told.
#[derive(Debug, Clone, Default)]
pub struct To {
    /// A line of the shell, which gets the alert on standard input.
    pub command: Option<String>,
    /// An address, to which the alert is posted.
    pub webhook: Option<String>,
}

/// One who is told.
enum Target {
    Command(String),
    Webhook(String),
}

impl Target {
    /// The flag that names it.
    fn flag(&self) -> &'static str {
        match self {
            Self::Command(_) => "--alert-command",
            Self::Webhook(_) => "--alert-webhook",
        }
    }

    fn give(&self, alert: &Alert, body: &str, timer: &dyn Timer) -> Result<()> {
        match self {
            Self::Command(command) => run(command, alert, body, timer),
            Self::Webhook(url) => post(url, body),
        }
    }

    /// Tells of alerts one after the other.
    fn tell(&self, alerts: &Receiver<Arc<Alert>>, timer: &dyn Timer, stop: &Stop) {
        for alert in alerts {
            let Ok(body) = serde_json::to_string(&*alert) else { continue };
            let told = insist(self.flag(), (timer, stop), &mut || self.give(&alert, &body, timer));
            if let Err(error) = told {
                tracing::error!("alert that {} is {}: {error}", alert.consumer_name, alert.status);
            }
        }
    }
}

/// Tells of alerts, each one who is told in a thread of its own: who does not answer holds up nobody else.
pub struct Alerts(Vec<SyncSender<Arc<Alert>>>);

impl Alerts {
    /// Nobody is told where nobody is to be.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(to: To, timer: &Arc<dyn Timer>, stop: &Stop) -> Result<Self> {
        let targets = to.command.map(Target::Command).into_iter().chain(to.webhook.map(Target::Webhook));
        let start = |target: Target| {
            let (sender, alerts) = sync_channel(WAITING);
            let (timer, stop) = (timer.clone(), stop.clone());
            thread::Builder::new()
                .name("alerts".into())
                .spawn(move || target.tell(&alerts, timer.as_ref(), &stop))?;
            Ok(sender)
        };
        targets.map(start).collect::<Result<_>>().map(Self)
    }

    /// Tells of an alert when those before it are told.
    pub fn add(&self, alert: Alert) {
        tracing::info!("alert: {} is {}", alert.consumer_name, alert.status);
        let alert = Arc::new(alert);
        for target in &self.0 {
            if let Err(error) = target.try_send(alert.clone()) {
                tracing::error!("an alert is lost, {WAITING} wait already: {error}");
            }
        }
    }
}

/// Tries until it goes well, no further try can help, or there were too many.
fn insist(
    what: &str,
    (timer, stop): (&dyn Timer, &Stop),
    give: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut tried = 0;
    loop {
        match give() {
            Err(error) if error.fault().may_pass() && tried + 1 < TRIES => {
                tracing::warn!("{what}: {error}; it is tried again");
                if timer.wait(pause(tried, rand::random()), stop) {
                    return Err(error.at(what));
                }
                tried += 1;
            }
            given => return given.map_err(|error| error.at(what)),
        }
    }
}

fn run(command: &str, alert: &Alert, body: &str, timer: &dyn Timer) -> Result<()> {
    let mut input = tempfile::tempfile()?;
    writeln!(input, "{body}").and_then(|()| input.rewind())?;
    let mut child = shell::command(command, input)
        .env("ECAP_CONSUMER", &alert.consumer_name)
        .env("ECAP_STATUS", &alert.status)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| Error::from(error).at("cannot start the command"))?;
    let until = timer.now().saturating_add(WITHIN.as_micros() as i64);
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Error::unreachable(format!("the command failed: {status}"))),
            None if timer.now() >= until => {
                shell::kill(&mut child);
                return Err(Error::unreachable("the command did not end in time"));
            }
            None => drop(timer.wait(LOOK, &Stop::default())),
        }
    }
}

fn post(url: &str, body: &str) -> Result<()> {
    let question =
        Question { is_post: true, url, token: None, body: Some(body), within: WITHIN, by_proxy: true };
    let answer = ask(&question)?;
    match answer.status {
        _ if answer.is_good() => Ok(()),
        status @ (408 | 425 | 429 | 500..) => Err(Error::unreachable(format!("the answer is {status}"))),
        status => Err(Error::failed(format!("the answer is {status}, and a further try would not help"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock, SystemClock};

    fn seen(state: State, consecutive_failures: u32) -> Snapshot {
        let last_error = Some("bad luck".into());
        let seen = Seen { state, consecutive_failures, last_error, ..Seen::stopped("a") };
        Snapshot { at: 0, consumers: vec![seen] }
    }

    #[test]
    fn a_change_is_told_of_once_and_a_consumer_that_fails_again_and_again_too() {
        let mut changes = Changes::default();
        let mut told = Vec::new();
        for (state, failures) in [
            (State::Stopped, 0),
            (State::Pending, 0),
            (State::Starting, 0),
            (State::Running, 0),
            (State::Running, 0),
            (State::BackingOff, 1),
            (State::Starting, 1),
            (State::Running, 1),
            (State::BackingOff, 2),
            (State::Running, 2),
            (State::Running, 0),
            (State::Degraded, 0),
            (State::Failed, 0),
            (State::Failed, 0),
        ] {
            let alerts = changes.of(&seen(state, failures), &Thresholds::default());
            told.extend(alerts.into_iter().map(|alert| {
                let before = alert.previous_status.unwrap_or_default();
                (before, alert.status, alert.is_healthy, alert.errors)
            }));
        }
        let bad = || vec!["bad luck".to_string()];
        let expected = [
            ("stopped", "running", true, vec![]),
            ("running", "backing-off", false, bad()),
            ("backing-off", "running", true, vec![]),
            ("running", "degraded", false, bad()),
            ("degraded", "failed", false, bad()),
        ];
        let expected =
            expected.map(|(was, is, healthy, errors)| (was.to_string(), is.to_string(), healthy, errors));
        assert_eq!(told, expected);
    }

    #[test]
    fn a_command_gets_the_alert_until_it_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let (out, once) = (folder.path().join("out"), folder.path().join("once"));
        let command = format!(
            "if test -e {once}; then cat >> {out}; echo $ECAP_STATUS >> {out}; else touch {once}; exit 1; fi",
            out = out.display(),
            once = once.display()
        );
        let alert = Changes::default().of(&seen(State::Failed, 0), &Thresholds::default()).remove(0);
        let (sender, alerts) = sync_channel(1);
        sender.send(Arc::new(alert)).unwrap();
        drop(sender);
        Target::Command(command).tell(&alerts, &SystemClock, &Stop::default());
        let text = std::fs::read_to_string(out).unwrap();
        let (json, status) = text.trim_end().split_once('\n').unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected =
            ["consumer_name", "is_healthy", "status", "previous_status", "errors", "metrics", "timestamp"];
        assert_eq!((fields, status), (expected.to_vec(), "failed"));
    }

    #[test]
    fn a_webhook_gets_the_alert_until_it_takes_it() {
        use std::io::{BufRead, BufReader, Read};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/alerts?key=secret", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            ["503 Busy", "200 OK"].map(|status| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut line) = (0, String::new());
                while lines.read_line(&mut line).unwrap() > 2 {
                    let header = line.to_ascii_lowercase();
                    if let Some(text) = header.strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                lines.read_exact(&mut body).unwrap();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(body).unwrap()
            })
        });
        let give = &mut || post(&url, "{\"status\":\"failed\"}");
        insist("--alert-webhook", (&SystemClock, &Stop::default()), give).unwrap();
        assert_eq!(server.join().unwrap(), ["{\"status\":\"failed\"}"; 2]);
        let nobody = post(&url, "{}").unwrap_err().to_string();
        assert!(nobody.contains("http://127.0.0.1: no answer") && !nobody.contains("secret"), "{nobody}");
    }

    #[test]
    fn a_webhook_that_does_not_answer_holds_up_no_command() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        // Takes what comes, and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = To {
            command: Some(format!("cat >> {}", told.display())),
            webhook: Some(format!("http://{}/", silent.local_addr().unwrap())),
        };
        let (timer, stop): (Arc<dyn Timer>, _) = (Arc::new(SystemClock), Stop::default());
        let alerts = Alerts::start(to, &timer, &stop).unwrap();
        let alert = Changes::default().of(&seen(State::Failed, 0), &Thresholds::default()).remove(0);
        (0..3).for_each(|_| alerts.add(alert.clone()));
        let count = || std::fs::read_to_string(&told).unwrap_or_default().lines().count();
        let patience = SystemClock.now() + WITHIN.as_micros() as i64;
        while count() < 3 {
            assert!(SystemClock.now() < patience, "the command was told of {} alerts", count());
            thread::sleep(LOOK);
        }
        stop.request();
    }

    #[test]
    fn it_gives_up_after_so_many_tries_and_at_once_where_none_can_help() {
        let (clock, stop) = (ManualClock::at(0), Stop::default());
        let tries = |error: Error| {
            let mut tries = 0;
            let given = insist("x", (&clock, &stop), &mut || {
                tries += 1;
                Err(error.clone())
            });
            assert!(given.is_err());
            tries
        };
        assert_eq!((tries(Error::unreachable("away")), tries(Error::failed("wrong"))), (TRIES, 1));
    }
}
