//! What becomes of a query whose disk is full, read-only, or changed by somebody else: it waits and goes on, or ends with
//! one line. The results are read by DuckDB and the Python package of Delta Lake.

use super::disk::Disk;
use super::tables::says;
use crate::support::feed::{Feed, line};
use crate::support::{Told, wait_for};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A sink that keeps its results on a disk, by what its place is called there.
struct Kept {
    sink: &'static str,
    place: &'static str,
    more: &'static [&'static str],
}

const PARTED: &[&str] = &["--partition-by", "k"];
const MERGED: &[&str] = &["--merge-on", "n"];

const SINKS: [Kept; 6] = [
    Kept { sink: "parquet", place: "out", more: PARTED },
    Kept { sink: "csv", place: "out", more: &[] },
    Kept { sink: "ndjson", place: "out.ndjson", more: &[] },
    Kept { sink: "csv", place: "out.csv", more: &[] },
    Kept { sink: "delta", place: "table", more: PARTED },
    Kept { sink: "delta", place: "table", more: MERGED },
];

/// A query that adds rows to a place, file by file.
struct Running {
    feed: Feed,
    query: Told,
    place: PathBuf,
    args: Vec<String>,
    user: Option<User>,
}

/// Somebody who is not root, with our program in a place that they can reach.
struct User {
    program: TempDir,
}

impl User {
    const ID: u32 = 65_534;

    fn new() -> Self {
        let program = TempDir::new().unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_ecap-consume"), program.path().join("ecap-consume")).unwrap();
        let user = Self { program };
        user.owns(user.program.path());
        user
    }

    /// A folder with all that is in it becomes theirs.
    fn owns(&self, folder: &Path) {
        owned_by(Self::ID, folder);
    }

    /// A command of ours as they run it.
    fn command(&self, ours: &Command) -> Command {
        let mut command = Command::new(self.program.path().join("ecap-consume"));
        command.args(ours.get_args()).uid(Self::ID).gid(Self::ID);
        ours.get_current_dir().map(|folder| command.current_dir(folder));
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }
}

fn owned_by(user: u32, folder: &Path) {
    super::run(Command::new("chown").arg("-R").arg(format!("{user}:{user}")).arg(folder));
}

impl Running {
    fn start(kept: &Kept, disk: &Path) -> Self {
        Self::start_as(None, kept, disk)
    }

    fn start_as(user: Option<User>, kept: &Kept, disk: &Path) -> Self {
        let (feed, place) = (Feed::new(), disk.join(kept.place));
        let args = ["--sink", kept.sink, "--path", place.to_str().unwrap()];
        let args: Vec<_> = args.iter().chain(kept.more).map(ToString::to_string).collect();
        feed.put("first", 0..2);
        user.iter().for_each(|user| [feed.folder(), disk].iter().for_each(|folder| user.owns(folder)));
        let query = start(&feed, &args, user.as_ref());
        let running = Self { feed, query, place, args, user };
        running.has(0..2);
        running
    }

    /// The same query once more, where it was.
    fn again(&mut self) {
        self.query = start(&self.feed, &self.args, self.user.as_ref());
    }

    /// The numbers that readers find.
    fn numbers(&self) -> Value {
        says(&["numbers", self.place.to_str().unwrap()])
    }

    /// Waits until readers find these numbers, each once.
    #[track_caller]
    fn has(&self, numbers: std::ops::Range<u32>) {
        let expected = json!(numbers.collect::<Vec<_>>());
        wait_for("the rows", || (self.numbers() == expected).then_some(()));
    }

    /// The next batch ends the query with a line with these parts.
    #[track_caller]
    fn fails(&mut self, parts: &[&str]) {
        self.feed.put("second", 2..5);
        self.query.says(&[&["error: sink "], parts].concat());
        assert_eq!(self.query.ended(), 1);
    }
}

fn start(feed: &Feed, args: &[String], user: Option<&User>) -> Told {
    let query = feed.query(&args.iter().map(String::as_str).collect::<Vec<_>>());
    Told::start(&mut match user {
        Some(user) => user.command(&query),
        None => query,
    })
}

#[test]
fn a_full_disk_is_waited_for() {
    for kept in &SINKS {
        let disk = Disk::of("size=1m");
        let running = Running::start(kept, disk.path());
        running.feed.put("second", 2..4_000);
        running.query.says(&["No space left", "batch 1 with 3,998 rows is held back and given again"]);
        running.feed.put("third", 4_000..4_002);
        disk.mount("remount,size=64m");
        running.query.says(&["batch 1 with 3,998 rows was taken after"]);
        running.has(0..4_002);
        running.query.end();
        if kept.more == PARTED && kept.sink == "delta" {
            let left = says(&["left", running.place.to_str().unwrap()]);
            assert_eq!(left, json!([]), "files of attempts that failed are in nobody's way");
        }
    }
}

#[test]
fn a_checkpoint_whose_disk_is_full_is_waited_for() {
    let (disk, feed) = (Disk::of("size=256k"), Feed::new());
    let (kept, out) = (disk.path().join("kept"), feed.path("out.ndjson"));
    let sink = ["--sink", "ndjson", "--path", out.to_str().unwrap()];
    let checkpoint = ["--checkpoint", kept.to_str().unwrap()];
    let query = Told::start(&mut feed.query(&[&sink[..], &checkpoint].concat()));
    let has = |numbers: std::ops::Range<usize>| {
        wait_for("the rows", || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap();
            let mut found: Vec<_> = text.lines().map(|line| number(line) as usize).collect();
            found.sort_unstable();
            (found == numbers.clone().collect::<Vec<_>>()).then_some(())
        });
    };
    feed.put("first", 0..2);
    has(0..2);
    for (batch, from) in [(1, 2), (2, 4)] {
        let commit = kept.join(format!("{batch:012}.commit"));
        wait_for("the batch before in the checkpoint", || commit.exists().then_some(()));
        disk.fill();
        feed.put(&format!("from {from}"), from..from + 2);
        let what = format!("batch {batch} is held back and given again");
        query.says(&["checkpoint: ", kept.to_str().unwrap(), "No space left", &what]);
        has(0..from as usize);
        disk.clear();
        query.says(&["checkpoint: ", &format!("batch {batch} was taken after")]);
        has(0..from as usize + 2);
    }
    query.end();
}

#[test]
fn a_full_disk_of_dead_letters_is_waited_for() {
    for place in ["parquet:letters", "delta:letters", "./letters.ndjson"] {
        let (disk, feed) = (Disk::of("size=1m"), Feed::new());
        let (kind, name) = place.split_once(':').map_or(("", place), |(kind, name)| (kind, name));
        let letters = disk.path().join(name).display().to_string();
        let letters = if kind.is_empty() { letters } else { format!("{kind}:{letters}") };
        let out = feed.path("out.ndjson");
        let sink = ["--sink", "ndjson", "--path", out.to_str().unwrap(), "--dead-letters", &letters];
        let query = Told::start(&mut feed.query(&sink));
        feed.put("first", 0..2);
        // Each of them becomes a letter with its bytes.
        let bad: String = (0..4_000).map(|n| line(n).replace('}', "")).collect();
        std::fs::write(feed.path("in/bad.tmp"), bad).unwrap();
        std::fs::rename(feed.path("in/bad.tmp"), feed.path("in/bad.ndjson")).unwrap();
        query.says(&["No space left", "is held back and given again"]);
        feed.put("third", 2..5);
        disk.mount("remount,size=64m");
        query.says(&["was taken after"]);
        wait_for("the rows", || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            (text.lines().count() == 5).then_some(())
        });
        query.end();
        let listed = crate::support::binary_command("ecap-consume", feed.folder())
            .args(["dead-letters", "list", &letters, "--format", "json"])
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(":4000") || listed.contains(": 4000"), "each letter once: {listed}");
    }
}

#[test]
fn a_disk_that_became_read_only_ends_it_and_the_next_start_goes_on() {
    for kept in &SINKS {
        let disk = Disk::of("size=16m");
        let mut running = Running::start(kept, disk.path());
        disk.mount("remount,ro");
        running.fails(&["cannot write batch 1", "Read-only file system"]);
        disk.mount("remount,rw");
        running.again();
        running.has(0..5);
        running.query.end();
    }
}

#[test]
fn a_right_that_was_taken_away_ends_it_and_the_next_start_goes_on() {
    for kept in &SINKS {
        let disk = Disk::of("size=16m");
        let mut running = Running::start_as(Some(User::new()), kept, disk.path());
        owned_by(0, disk.path());
        running.fails(&["cannot write batch 1", "Permission denied"]);
        owned_by(User::ID, disk.path());
        running.again();
        running.has(0..5);
        running.query.end();
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_ends_it() {
    let disk = Disk::of("size=64k");
    std::fs::write(disk.path().join("filler"), vec![0; 64 << 10]).unwrap();
    for kept in &SINKS[2..] {
        let feed = Feed::new();
        let place = disk.path().join(kept.place);
        let args = [&["--sink", kept.sink, "--path", place.to_str().unwrap()], kept.more].concat();
        let mut query = Told::start(&mut feed.query(&args));
        query.says(&["error: ", kept.place, "No space left"]);
        assert_eq!(query.ended(), 1, "{args:?}");
    }
}

#[test]
fn a_command_whose_disk_is_full_gets_its_batch_later() {
    let (disk, feed) = (Disk::of("size=1m"), Feed::new());
    let command = ["--sink", "exec", "--command", "cat >> out.ndjson"];
    for format in ["ndjson", "arrow"] {
        let mut query = feed.query(&[&command[..], &["--sink-option", &format!("format={format}")]].concat());
        let query = Told::start(query.env("TMPDIR", disk.path()));
        feed.put(format, 0..4_000);
        query.says(&["cannot keep the batch for the command: ", "No space left", "held back"]);
        disk.mount("remount,size=64m");
        query.says(&["with 4,000 rows was taken"]);
        query.end();
        disk.mount("remount,size=1m");
    }
}

#[test]
fn a_table_that_somebody_wrote_anew_with_another_type_ends_it() {
    let disk = tempfile::tempdir().unwrap();
    let mut running = Running::start(&SINKS[4], disk.path());
    says(&["retype", running.place.to_str().unwrap()]);
    running.fails(&["cannot write batch 1", "column n is Utf8 in the table, and Int32 in the result"]);
    assert_eq!(running.numbers(), json!(["0", "1"]));
}

#[test]
fn a_table_that_was_deleted_ends_it_and_is_made_anew_by_the_next_start() {
    let disk = tempfile::tempdir().unwrap();
    let mut running = Running::start(&SINKS[4], disk.path());
    std::fs::remove_dir_all(&running.place).unwrap();
    running.fails(&["the table", "is not there any more", "start again"]);
    assert!(!running.place.join("_delta_log").exists(), "no version of a table that has no beginning");
    running.again();
    running.has(2..5);
    running.query.end();
}

#[test]
fn a_table_that_somebody_made_anew_takes_the_rows() {
    let disk = tempfile::tempdir().unwrap();
    for table in [4, 5] {
        let running = Running::start(&SINKS[table], disk.path());
        says(&["anew", running.place.to_str().unwrap(), "2"]);
        running.feed.put("second", 3..5);
        running.has(2..5);
        running.query.end();
        std::fs::remove_dir_all(&running.place).unwrap();
    }
}

#[test]
fn a_place_that_was_emptied_takes_what_comes() {
    for kept in &SINKS[..4] {
        let disk = tempfile::tempdir().unwrap();
        let running = Running::start(kept, disk.path());
        std::fs::remove_dir_all(&running.place).or_else(|_| std::fs::remove_file(&running.place)).unwrap();
        running.feed.put("second", 2..5);
        running.has(2..5);
        running.query.end();
    }
}
