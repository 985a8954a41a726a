use super::*;
use proptest::prelude::*;

fn failure() -> Event {
    Event::Ended(Some(Error::failed("bad luck")))
}

fn away() -> Event {
    Event::Ended(Some(Error::unreachable("nobody answers")))
}

/// A consumer that was started, and ends by `event` as soon as it runs, until it does not start again.
fn ends_by(event: &Event, rest: Micros, most: usize) -> (Lifecycle, usize) {
    let mut life = Lifecycle::default();
    let mut now = 0;
    life.on(Event::Start, now, 0.5);
    let mut action = life.on(Event::Place, now, 0.5);
    let mut runs = 0;
    while action == Some(Action::Run) && runs < most {
        runs += 1;
        life.on(Event::Began, now, 0.5);
        now += rest;
        life.on(event.clone(), now, 0.5);
        now = life.until().unwrap_or(now);
        action = life.on(Event::Tick, now, 0.5);
    }
    (life, runs)
}

#[test]
fn five_failures_within_ten_minutes_are_too_many_and_it_says_why() {
    let (life, runs) = ends_by(&failure(), 1_000_000, 100);
    assert_eq!((life.state(), runs, life.total_failures()), (State::Failed, 5, 5));
    assert_eq!(life.last_error(), Some("5 failures within 10m, the last one: bad luck"));
    let (life, runs) = ends_by(&failure(), 200_000_000, 100);
    assert_eq!((life.state() == State::Failed, runs), (false, 100), "a failure every three minutes passes");
}

#[test]
fn what_does_not_answer_is_waited_for_for_ever() {
    let (life, runs) = ends_by(&away(), 1_000, 1_000);
    assert_eq!((life.total_failures(), life.consecutive_failures(), runs), (0, 0, 1_000));
    assert_eq!(life.last_error(), Some("nobody answers"));
}

#[test]
fn who_waits_for_what_is_away_keeps_its_place_for_a_minute_from_the_first_word() {
    let minute = KEEPS_PLACE.as_micros() as Micros;
    let mut life = Lifecycle::default();
    life.on(Event::Start, 0, 0.0);
    life.on(Event::Place, 0, 0.0);
    life.on(away(), 7, 0.0);
    life.on(Event::Tick, minute, 0.0);
    assert_eq!(life.state(), State::Starting, "it tries again meanwhile");
    life.on(away(), minute, 0.0);
    assert!(!life.gives_place(minute + 6) && life.gives_place(minute + 7));
    life.on(Event::Restart, minute + 7, 0.0);
    assert_eq!((life.state(), life.gives_place(9 * minute)), (State::Pending, false));
    life.on(Event::Place, minute, 0.0);
    life.on(Event::Began, minute, 0.0);
    life.on(Event::Away("sink".into()), minute, 0.0);
    life.on(Event::Back, 2 * minute, 0.0);
    life.on(Event::Away("sink".into()), 2 * minute, 0.0);
    assert!(!life.gives_place(2 * minute), "it was back in between");
}

#[test]
fn one_that_is_mended_is_as_one_that_was_never_started() {
    let mut life = Lifecycle::default();
    life.on(Event::Refused("no such option".into()), 0, 0.0);
    assert_eq!((life.state(), life.last_error()), (State::Failed, Some("no such option")));
    life.on(Event::Mended, 0, 0.0);
    assert_eq!((life.state(), life.last_error()), (State::Stopped, None));
    life.on(Event::Start, 0, 0.0);
    life.on(Event::Place, 0, 0.0);
    life.on(Event::Began, 0, 0.0);
    life.on(Event::Refused("no such option".into()), 0, 0.0);
    assert_eq!(life.state(), State::Running, "what runs goes on");
}

#[test]
fn wrong_usage_is_not_tried_again() {
    let (life, runs) = ends_by(&Event::Ended(Some(Error::usage("no such column"))), 1, 100);
    assert_eq!((life.state(), runs, life.last_error()), (State::Failed, 1, Some("no such column")));
}

#[test]
fn a_restart_waits_for_the_batch_that_runs() {
    let mut life = Lifecycle::default();
    life.on(Event::Start, 0, 0.0);
    life.on(Event::Place, 0, 0.0);
    life.on(Event::Began, 0, 0.0);
    assert_eq!(life.on(Event::Restart, 1, 0.0), Some(Action::End));
    assert_eq!(life.state(), State::Stopping);
    assert_eq!(life.on(Event::Ended(None), 2, 0.0), None);
    assert_eq!(life.state(), State::Pending);
    assert_eq!(life.on(Event::Place, 2, 0.0), Some(Action::Run));
}

#[test]
fn pauses_grow_and_end_with_a_batch_that_was_done() {
    let mut life = Lifecycle::default();
    life.on(Event::Start, 0, 0.0);
    life.on(Event::Place, 0, 0.0);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        life.on(failure(), 0, 0.0);
        pauses.push(life.until().expect("a pause"));
        life.on(Event::Tick, pauses[pauses.len() - 1], 0.0);
    }
    assert_eq!(pauses, [200_000, 400_000, 800_000]);
    life.on(Event::Began, 0, 0.0);
    life.on(Event::Progress, 0, 0.0);
    assert_eq!((life.consecutive_failures(), life.total_failures(), life.retries()), (0, 3, 3));
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Start),
        Just(Event::Restart),
        Just(Event::Stop),
        Just(Event::Place),
        Just(Event::Began),
        Just(Event::Progress),
        Just(Event::Away("away".into())),
        Just(Event::Back),
        Just(Event::Ended(None)),
        Just(failure()),
        Just(away()),
        Just(Event::Ended(Some(Error::usage("wrong")))),
        Just(Event::Refused("wrong".into())),
        Just(Event::Mended),
        Just(Event::Tick),
    ]
}

proptest! {
    #[test]
    fn one_thread_runs_a_consumer_and_its_state_says_so(
        events in prop::collection::vec((event(), 0i64..40_000_000, 0.0..1.0), 1..80)
    ) {
        let (mut life, mut now, mut alive) = (Lifecycle::default(), 0, false);
        for (event, passes, dice) in events {
            now += passes;
            // Nothing ends that does not run.
            if matches!(event, Event::Ended(_)) {
                alive = false;
            }
            let action = life.on(event, now, dice);
            if action == Some(Action::Run) {
                prop_assert!(!alive, "two threads");
                alive = true;
            }
            prop_assert!(action != Some(Action::End) || alive);
            prop_assert_eq!(life.is_alive(), alive);
            let state = life.state();
            if alive {
                prop_assert!(state.has_place(), "{state:?}");
            }
            if let Some(until) = life.until() {
                prop_assert!(!alive && matches!(state, State::BackingOff | State::Degraded));
                prop_assert!(until <= now + 30_000_000);
            }
            // Who waits by itself always has an end of waiting.
            if !alive && matches!(state, State::BackingOff | State::Degraded) {
                prop_assert!(life.until().is_some());
            }
            if matches!(state, State::Starting | State::Running | State::Stopping) {
                prop_assert!(alive);
            }
        }
        life.on(Event::Stop, now, 0.0);
        life.on(Event::Ended(None), now, 0.0);
        prop_assert_eq!(life.state(), State::Stopped);
    }
}
