//! `monitor` in a terminal that nobody here wrote: tmux.

use super::run;
use crate::consumers::Stage;
use crate::support::{Cluster, wait_for};
use std::process::Command;

/// A terminal in a server of its own, in which `monitor` runs.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts a command of ours with these words in it.
    fn start(
        cluster: &Cluster,
        size: (u32, u32),
        (binary, words): (&str, &str),
        environment: &[&str],
    ) -> Self {
        let terminal = Self { socket: cluster.folder.path().join("tmux").display().to_string() };
        let program = cluster.command(binary).get_program().display().to_string();
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let mut tmux = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height]);
        let own = [
            format!("ECAP_BOOTSTRAP_SERVERS={}", cluster.address),
            format!("ECAP_HOME={}", cluster.folder.path().join("home").display()),
            "TERM=xterm-256color".into(),
        ];
        for variable in own.iter().map(String::as_str).chain(environment.iter().copied()) {
            tmux.args(["-e", variable]);
        }
        // The terminal stays, so that what is left in it can be seen.
        run(tmux.arg(format!("{program} {words}; echo ended $?; exec sleep 600")));
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-S", &self.socket]).args(args);
        command
    }

    fn picture(&self) -> String {
        run(&mut self.tmux(&["capture-pane", "-p"]))
    }

    fn resize(&self, width: u32, height: u32) {
        let (width, height) = (width.to_string(), height.to_string());
        run(&mut self.tmux(&["resize-window", "-x", &width, "-y", &height]));
    }

    #[track_caller]
    fn has_no_colour(&self) {
        let picture = run(&mut self.tmux(&["capture-pane", "-p", "-e"]));
        for colour in ["\x1b[31m", "\x1b[36m", "\x1b[38;"] {
            assert!(!picture.contains(colour), "{picture:?}");
        }
    }

    fn press(&self, key: &str) {
        run(&mut self.tmux(&["send-keys", key]));
    }

    /// Waits until the picture has all of these.
    #[track_caller]
    fn shows(&self, parts: &[&str]) -> String {
        wait_for(&format!("{parts:?}"), || {
            let picture = self.picture();
            parts.iter().all(|part| picture.contains(part)).then_some(picture)
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}

const TOPICS: (&str, &str) = ("ecap-topics", "monitor --interval 300ms");
const CONSUMERS: (&str, &str) = ("ecap-consume", "monitor --interval 300ms");

#[test]
fn monitor_lives_in_a_terminal_follows_its_size_and_leaves_it_as_it_was() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", "fraud-alerts"]);
    let terminal = Terminal::start(&cluster, (80, 24), TOPICS, &[]);
    let picture = terminal.shows(&["Topics", "Groups", "msg/s", "q quit"]);
    assert!(
        picture.lines().count() <= 24 && picture.lines().all(|line| line.chars().count() <= 80),
        "{picture}"
    );

    terminal.press("/");
    for letter in cluster.name("transactions").chars() {
        terminal.press(&letter.to_string());
    }
    terminal.press("Enter");
    cluster.run("ecap-topics", &["test-produce", "transactions"]).ok();
    terminal.press("Enter");
    terminal.shows(&["Topic ", "transactions", "partition", "leader"]);
    terminal.resize(200, 50);
    let is_wide = || terminal.picture().lines().any(|line| line.chars().count() > 80);
    wait_for("a wider picture", || is_wide().then_some(()));
    terminal.resize(60, 12);
    terminal.shows(&["partition"]);
    terminal.press("Escape");
    terminal.shows(&["Topics"]);
    terminal.press("q");
    let picture = terminal.shows(&["ended 0"]);
    assert!(!picture.contains("Topics"), "{picture}");
}

#[test]
fn monitor_says_when_the_broker_is_gone_and_goes_on_when_it_is_back() {
    // Only a broker of our own may be stopped.
    if std::env::var(crate::support::REAL_KAFKA).is_ok() {
        return;
    }
    let mut cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let terminal = Terminal::start(&cluster, (80, 24), TOPICS, &["NO_COLOR=1"]);
    terminal.shows(&["transactions", "Groups"]);
    cluster.stop();
    terminal.shows(&["NO ANSWER SINCE", "transactions"]);
    cluster.again();
    wait_for("the broker to be seen again", || {
        let picture = terminal.picture();
        (!picture.contains("NO ANSWER") && picture.contains("transactions")).then_some(())
    });
    terminal.has_no_colour();
    terminal.press("C-c");
    terminal.shows(&["ended 0"]);
}

#[test]
fn consumers_are_watched_as_the_guide_says_and_looked_into() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    process.becomes("transaction_consumer", "running");
    // Ten seconds are long: what a key asks for comes at once.
    let guide = ("ecap-consume", "monitor --interval 10");
    let terminal = Terminal::start(&stage.cluster, (80, 24), guide, &[]);
    let picture =
        terminal.shows(&["Consumers 2", "transaction_consumer", "user_behavior_consumer", "q quit"]);
    assert!(
        picture.lines().count() <= 24 && picture.lines().all(|line| line.chars().count() <= 80),
        "{picture}"
    );
    terminal.press("/");
    "transaction_".chars().for_each(|letter| terminal.press(&letter.to_string()));
    terminal.press("Enter");
    terminal.shows(&["Consumers 1", "only 'transaction_'"]);
    stage.buy(0..20);
    stage.put("transactions", "{");
    process.reads("transaction_consumer", 21.0);
    terminal.press("Enter");
    terminal.shows(&[
        "reads transactions",
        "running",
        "dead letters 1",
        "Batches · the last",
        "fetch",
        "decode",
        "Esc back",
    ]);
    terminal.resize(200, 50);
    terminal.shows(&[
        "checkpoint",
        "Lag by partition",
        "Rows given out",
        "Changes of status",
        "Dead letters · 1 in all",
    ]);
    terminal.shows(&["starting", "latency", "window_start"]);
    terminal.resize(60, 12);
    terminal.shows(&["Batches · the last"]);
    terminal.press("Escape");
    terminal.shows(&["Consumers 1"]);
    terminal.press("q");
    let picture = terminal.shows(&["ended 0"]);
    assert!(!picture.contains("Consumers"), "{picture}");
    process.told.end();
}

#[test]
fn the_process_that_runs_the_consumers_may_end_and_come_back() {
    let stage = Stage::new();
    let terminal = Terminal::start(&stage.cluster, (80, 24), CONSUMERS, &["NO_COLOR=1"]);
    terminal.shows(&[
        "NO PROCESS RUNS THE CONSUMERS",
        "`ecap-consume run`",
        "transaction_consumer",
        "stopped",
    ]);
    for _ in 0..2 {
        let process = stage.run(&["--setup-defaults"]);
        let picture = terminal.shows(&["2 of 2 healthy", "running"]);
        assert!(!picture.contains("NO PROCESS") && !picture.contains("NO ANSWER"), "{picture}");
        process.told.signal("-KILL");
        terminal.shows(&["NO PROCESS SINCE", "stopped"]);
    }
    terminal.has_no_colour();
    terminal.press("C-c");
    terminal.shows(&["ended 0"]);
}

#[test]
fn fifty_consumers_are_more_than_a_screen() {
    let stage = Stage::new();
    let consumer = |number| format!("[[consumer]]\nname = 'consumer-{number:02}'\ntype = 'transaction'\n");
    stage.registry(&(0..50).map(consumer).collect::<String>());
    let process = stage.run(&[]);
    let terminal = Terminal::start(&stage.cluster, (80, 24), CONSUMERS, &[]);
    terminal.shows(&["4 of 50 healthy", "Consumers 50", "pending"]);
    terminal.press("s");
    terminal.shows(&["by name", "consumer-00"]);
    terminal.press("End");
    let picture = terminal.shows(&["consumer-49"]);
    assert!(!picture.contains("consumer-00 ") && picture.lines().count() <= 24, "{picture}");
    terminal.resize(200, 50);
    let picture = terminal.shows(&["consumer-49", "consumer-20", "dead letters"]);
    assert!(picture.lines().all(|line| line.chars().count() <= 200), "{picture}");
    terminal.press("Enter");
    terminal.shows(&["consumer-49", "waits until one of consumer-00", "Esc back"]);
    terminal.press("q");
    terminal.shows(&["ended 0"]);
    process.told.end();
}
