//! `monitor` in a terminal that nobody here wrote: tmux.

use super::run;
use crate::support::{Cluster, wait_for};
use std::process::Command;

/// A terminal in a server of its own, in which `monitor` runs.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(cluster: &Cluster, size: (u32, u32), environment: &[&str]) -> Self {
        let terminal = Self { socket: cluster.folder.path().join("tmux").display().to_string() };
        let monitor = cluster.command("ecap-topics").get_program().display().to_string();
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let mut tmux = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height]);
        for variable in
            [&[&*format!("ECAP_BOOTSTRAP_SERVERS={}", cluster.address), "TERM=xterm-256color"], environment]
                .concat()
        {
            tmux.args(["-e", variable]);
        }
        // The terminal stays, so that what is left in it can be seen.
        run(tmux.arg(format!("{monitor} monitor --interval 300ms; echo ended $?; exec sleep 600")));
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

#[test]
fn monitor_lives_in_a_terminal_follows_its_size_and_leaves_it_as_it_was() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", "fraud-alerts"]);
    let terminal = Terminal::start(&cluster, (80, 24), &[]);
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
    run(&mut terminal.tmux(&["resize-window", "-x", "200", "-y", "50"]));
    let is_wide = || terminal.picture().lines().any(|line| line.chars().count() > 80);
    wait_for("a wider picture", || is_wide().then_some(()));
    run(&mut terminal.tmux(&["resize-window", "-x", "60", "-y", "12"]));
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
    let terminal = Terminal::start(&cluster, (80, 24), &["NO_COLOR=1"]);
    terminal.shows(&["transactions", "Groups"]);
    cluster.stop();
    terminal.shows(&["NO ANSWER SINCE", "transactions"]);
    cluster.again();
    wait_for("the broker to be seen again", || {
        let picture = terminal.picture();
        (!picture.contains("NO ANSWER") && picture.contains("transactions")).then_some(())
    });
    let coloured = run(&mut terminal.tmux(&["capture-pane", "-p", "-e"]));
    for colour in ["\x1b[31m", "\x1b[36m", "\x1b[38;"] {
        assert!(!coloured.contains(colour), "{coloured:?}");
    }
    terminal.press("C-c");
    terminal.shows(&["ended 0"]);
}
