use super::*;
use crate::clock::ManualClock;
use crate::consumers::lifecycle::KEEPS_PLACE;
use crate::consumers::registry::FILE;
use crate::consumers::vitals::Began;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Consumers that do what their names say.
#[derive(Default)]
struct Scripted {
    running: AtomicUsize,
    most: AtomicUsize,
    checked: AtomicUsize,
}

impl Runner for Scripted {
    fn check(&self, definition: &Definition) -> Result<()> {
        self.checked.fetch_add(1, Ordering::SeqCst);
        if definition.name == "wrong" { Err(Error::usage("wrong")) } else { Ok(()) }
    }

    fn run(&self, definition: &Definition, stop: &Stop, vitals: &Arc<Vitals>) -> Result<()> {
        match definition.name.as_str() {
            "panics" => panic!("of itself"),
            "fails" => Err(Error::failed("bad luck")),
            "away" => Err(Error::unreachable("nobody answers")),
            "bounded" => Ok(()),
            "stuck" => {
                let topics = Arc::new([("t".to_string(), [(0, 0)].into())].into());
                vitals.begins(Began { topics, ..Began::default() });
                vitals.broker(&Arc::default(), Some("nobody answers".into()));
                while !stop.wait(Duration::from_secs(60)) {}
                Err(Error::unreachable("nobody answered"))
            }
            _ => {
                vitals.begins(Began::default());
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(running, Ordering::SeqCst);
                while !stop.wait(Duration::from_secs(60)) {}
                self.running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

struct Stage {
    supervisor: Supervisor,
    runner: Arc<Scripted>,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Stage {
    fn new(names: &[&str], most: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text(names)).unwrap();
        let (runner, clock) = (Arc::new(Scripted::default()), Arc::new(ManualClock::at(1_000_000)));
        let supervisor = Supervisor::new(runner.clone(), clock.clone(), &path, most).unwrap();
        Self { supervisor, runner, clock, folder }
    }

    fn ask(&self, event: &Event, name: &str) -> Result<()> {
        self.supervisor.ask(event, &[name.to_string()])
    }

    /// Ticks until a consumer is in this state; time goes on by a fifth of a second each time.
    #[track_caller]
    fn becomes(&self, name: &str, state: State) -> Seen {
        for _ in 0..30_000 {
            self.clock.set(self.clock.now() + 200_000);
            self.supervisor.tick();
            let seen = self.supervisor.snapshot().find(name).cloned();
            if let Ok(seen) = seen
                && seen.state == state
            {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{name} never is {state:?}: {:?}", self.supervisor.snapshot().find(name))
    }
}

fn text(names: &[&str]) -> String {
    names.iter().map(|name| format!("[[consumer]]\nname = '{name}'\ntype = 'transaction'\n")).collect()
}

#[test]
fn one_that_fails_or_panics_or_is_wrong_is_no_matter_of_the_others() {
    let stage = Stage::new(&["fails", "panics", "good", "wrong", "bounded", "away"], 9);
    stage.supervisor.ask(&Event::Start, &[]).unwrap();
    stage.becomes("good", State::Running);
    let failed = stage.becomes("fails", State::Failed);
    assert_eq!((failed.total_failures, failed.restarts), (5, 4));
    assert_eq!(failed.last_error.as_deref(), Some("5 failures within 10m, the last one: bad luck"));
    let panicked = stage.becomes("panics", State::Failed).last_error.unwrap();
    assert!(panicked.contains("a bug in ecap: of itself"), "{panicked}");
    stage.becomes("bounded", State::Stopped);
    let away = stage.becomes("away", State::Degraded);
    assert_eq!((away.total_failures, away.last_error.as_deref()), (0, Some("nobody answers")));
    assert_eq!(stage.becomes("wrong", State::Failed).last_error.as_deref(), Some("wrong"));
    assert_eq!(stage.ask(&Event::Start, "wrong").unwrap_err().to_string(), "wrong");
    assert_eq!(stage.becomes("good", State::Running).total_failures, 0);
    stage.ask(&Event::Stop, "good").unwrap();
    stage.becomes("good", State::Stopped);
}

#[test]
fn who_waits_for_a_place_says_who_has_them() {
    let stage = Stage::new(&["a", "b", "c"], 2);
    stage.supervisor.ask(&Event::Start, &[]).unwrap();
    stage.becomes("a", State::Running);
    stage.becomes("b", State::Running);
    let waits = stage.becomes("c", State::Pending).last_error.unwrap();
    assert_eq!(waits, "waits until one of a, b ends: --max-concurrent is 2");
    stage.ask(&Event::Stop, "a").unwrap();
    stage.becomes("c", State::Running);
    assert_eq!(stage.runner.most.load(Ordering::SeqCst), 2);
    stage.ask(&Event::Restart, "b").unwrap();
    stage.becomes("b", State::Running);
    stage.supervisor.shut_down(&crate::clock::SystemClock, Duration::from_secs(30)).unwrap();
    assert_eq!(stage.runner.running.load(Ordering::SeqCst), 0);
    stage.ask(&Event::Restart, "b").unwrap_err();
}

#[test]
fn one_that_waits_for_what_is_away_lets_those_run_that_have_no_place() {
    for name in ["away", "stuck"] {
        let stage = Stage::new(&[name, "waits"], 1);
        stage.supervisor.ask(&Event::Start, &[]).unwrap();
        stage.becomes(name, State::Degraded);
        let since = stage.clock.now();
        stage.becomes("waits", State::Running);
        let waited = Duration::from_micros(stage.clock.now().abs_diff(since));
        assert!(waited + Duration::from_secs(1) > KEEPS_PLACE, "{name}: not before {waited:?}");
        let seen = stage.becomes(name, State::Pending);
        assert_eq!(seen.total_failures, 0);
        assert_eq!(seen.last_error.as_deref(), Some("waits until one of waits ends: --max-concurrent is 1"));
        let was = seen.changes.iter().rev().find(|change| change.error.is_some());
        assert_eq!(was.map(|change| change.status.as_str()), Some("degraded"), "{:?}", seen.changes);
        stage.ask(&Event::Stop, "waits").unwrap();
        stage.becomes(name, State::Degraded);
    }
}

#[test]
fn one_that_is_alone_with_what_is_away_keeps_its_place() {
    let stage = Stage::new(&["good", "stuck"], 2);
    stage.supervisor.ask(&Event::Start, &[]).unwrap();
    stage.becomes("stuck", State::Degraded);
    stage.clock.set(stage.clock.now() + 2 * KEEPS_PLACE.as_micros() as Micros);
    for _ in 0..3 {
        stage.supervisor.tick();
    }
    assert_eq!(stage.supervisor.snapshot().find("stuck").unwrap().state, State::Degraded);
}

#[test]
fn a_definition_that_was_wrong_from_the_start_is_told_of_until_it_is_mended() {
    let stage = Stage::new(&["good"], 4);
    let told = |seen: &Seen| -> Vec<_> {
        let told = |change: &Change| (change.status.clone(), change.error.clone().unwrap_or_default());
        seen.changes.iter().map(told).collect()
    };
    let write = |text: String| std::fs::write(stage.folder.path().join(FILE), text).unwrap();
    write(text(&["good"]) + &text(&["late"]).replace("'transaction'", "'transation'"));
    let wrong = stage.becomes("late", State::Failed);
    assert_eq!(told(&wrong).len(), 1, "{wrong:?}");
    assert!(told(&wrong)[0].1.contains("did you mean 'transaction'?"), "{wrong:?}");
    write(text(&["good", "late"]));
    let mended = stage.becomes("late", State::Stopped);
    assert_eq!((mended.last_error, mended.changes.len()), (None, 2));
    stage.ask(&Event::Start, "late").unwrap();
    stage.becomes("late", State::Running);
}

#[test]
fn what_is_registered_meanwhile_can_be_started_and_what_is_gone_ends() {
    let stage = Stage::new(&["a"], 4);
    stage.supervisor.ask(&Event::Start, &[]).unwrap();
    stage.becomes("a", State::Running);
    let unknown = stage.ask(&Event::Start, "bb").unwrap_err().to_string();
    assert!(unknown.starts_with("there is no consumer 'bb'"), "{unknown}");
    std::fs::write(stage.folder.path().join(FILE), text(&["bb"])).unwrap();
    stage.ask(&Event::Start, "bb").unwrap();
    stage.becomes("bb", State::Running);
    for _ in 0..30_000 {
        stage.supervisor.tick();
        if stage.supervisor.snapshot().consumers.len() == 1 {
            stage.supervisor.shut_down(&crate::clock::SystemClock, Duration::from_secs(30)).unwrap();
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("'a' does not end");
}

#[test]
fn definitions_are_checked_once_until_the_file_changes() {
    let stage = Stage::new(&["a", "b"], 4);
    stage.supervisor.ask(&Event::Start, &[]).unwrap();
    stage.becomes("a", State::Running);
    stage.becomes("b", State::Running);
    for _ in 0..5 {
        stage.clock.set(stage.clock.now() + LOOK_AT_FILE);
        stage.supervisor.tick();
    }
    stage.ask(&Event::Restart, "a").unwrap();
    stage.ask(&Event::Restart, "b").unwrap();
    assert_eq!(stage.runner.checked.load(Ordering::SeqCst), 2);
    std::fs::write(stage.folder.path().join(FILE), text(&["a", "b", "c"])).unwrap();
    stage.ask(&Event::Start, "c").unwrap();
    assert_eq!(stage.runner.checked.load(Ordering::SeqCst), 5);
    stage.supervisor.shut_down(&crate::clock::SystemClock, Duration::from_secs(30)).unwrap();
}
