use super::super::sample::tests::snapshot;
use super::*;
use crate::cli::screen::{Key, View, picture as drawn};
use crate::units::parse_time;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 50);

fn picture(size: (u16, u16), snapshot: &Snapshot, view: &Chosen) -> String {
    drawn(size, |frame| view.draw(frame, Some(snapshot)))
}

/// A view after these keys.
fn after(keys: &[Key], snapshot: &Snapshot) -> Chosen {
    let mut view = Chosen::new(false);
    keys.iter().for_each(|key| assert!(view.key(*key, snapshot)));
    view
}

#[test]
fn a_small_screen_has_one_consumer() {
    let snapshot = snapshot(1);
    insta::assert_snapshot!(picture(SMALL, &snapshot, &after(&[], &snapshot)));
}

#[test]
fn a_small_screen_has_some_of_fifty_consumers() {
    let snapshot = snapshot(50);
    insta::assert_snapshot!(picture(SMALL, &snapshot, &after(&[Key::Down, Key::PageDown], &snapshot)));
}

#[test]
fn a_large_screen_has_one_consumer() {
    let snapshot = snapshot(1);
    insta::assert_snapshot!(picture(LARGE, &snapshot, &after(&[], &snapshot)));
}

#[test]
fn a_large_screen_has_more_of_fifty_consumers() {
    let snapshot = snapshot(50);
    insta::assert_snapshot!(picture(LARGE, &snapshot, &after(&[], &snapshot)));
}

#[test]
fn a_consumer_is_looked_into_on_a_small_screen() {
    let snapshot = snapshot(2);
    insta::assert_snapshot!("batches", picture(SMALL, &snapshot, &after(&[Key::Enter], &snapshot)));
    let keys = [Key::Enter, Key::Tab, Key::Tab];
    insta::assert_snapshot!("windows", picture(SMALL, &snapshot, &after(&keys, &snapshot)));
    let keys = [Key::Enter, Key::Tab, Key::Tab, Key::Tab];
    insta::assert_snapshot!("changes", picture(SMALL, &snapshot, &after(&keys, &snapshot)));
}

#[test]
fn a_consumer_is_looked_into_on_a_large_screen() {
    let snapshot = snapshot(2);
    insta::assert_snapshot!(picture(LARGE, &snapshot, &after(&[Key::Enter], &snapshot)));
}

#[test]
fn the_keys_are_explained() {
    let snapshot = snapshot(1);
    insta::assert_snapshot!(picture(SMALL, &snapshot, &after(&[Key::Letter('?')], &snapshot)));
}

#[test]
fn a_process_that_is_gone_or_does_not_answer_is_said() {
    let (mut snapshot, mut view) = (snapshot(1), Chosen::new(false));
    let first = |snapshot: &Snapshot, view: &Chosen| {
        picture(SMALL, snapshot, view).lines().next().unwrap().to_string()
    };
    snapshot.process = Process::Nobody;
    let expected = "NO PROCESS RUNS THE CONSUMERS · `ecap-consume run` starts one · 00:10:00 UTC";
    assert_eq!(first(&snapshot, &view), expected);
    snapshot.process = Process::Gone(parse_time("2026-01-01T00:09:00Z").unwrap());
    let expected = "NO PROCESS SINCE 00:09:00 UTC · `ecap-consume run` starts one · 00:10:00 UTC";
    assert_eq!(first(&snapshot, &view), expected);
    view.common.trouble = Some("NO ANSWER SINCE 00:09:00 UTC".into());
    assert!(first(&snapshot, &view).starts_with("NO ANSWER SINCE 00:09:00 UTC · "));
}

#[test]
fn no_name_and_no_error_breaks_the_screen() {
    let mut snapshot = snapshot(3);
    let wild = "\x1b[2J\x07東京 \u{202e}abc\u{200b}\r\nZ\u{301}👩‍👩‍👧 ".repeat(9);
    let mut details = snapshot.status.consumer_details.remove("consumer-00").unwrap();
    details.last_error = Some(wild.clone());
    details.status = "failed".into();
    snapshot.status.consumer_details.insert(wild.clone(), details);
    let inside = snapshot.inside.as_mut().unwrap();
    inside.name = wild.clone();
    inside.document.changes[0].error = Some(wild.clone());
    inside.document.warnings[0] = wild.clone();
    inside.windows.columns[2] = wild.clone();
    inside.windows.rows[0][2] = wild.as_str().into();
    for size in [SMALL, LARGE] {
        for keys in [&[][..], &[Key::Enter], &[Key::Enter, Key::Tab, Key::Tab]] {
            let picture = picture(size, &snapshot, &after(keys, &snapshot));
            assert!(
                !picture.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
                "{picture}"
            );
            assert_eq!(picture.lines().count(), usize::from(size.1));
            for line in picture.lines() {
                assert!(wide(line) <= usize::from(size.0), "{line}");
            }
        }
        let list = picture(size, &snapshot, &after(&[], &snapshot));
        let at = |word: &str| {
            let line = list.lines().find(|line| line.contains(word)).expect("a line");
            wide(&line[..line.find(word).expect("the word")])
        };
        assert_eq!(at("failed"), at("running"), "columns stay where they are: {list}");
    }
}

#[test]
fn no_screen_is_too_small() {
    let snapshot = snapshot(2);
    for width in [1, 7, 40, 79] {
        for height in [1, 2, 5, 9, 17] {
            for keys in [&[][..], &[Key::Enter], &[Key::Letter('?')]] {
                picture((width, height), &snapshot, &after(keys, &snapshot));
            }
            drawn((width, height), |frame| Chosen::new(true).draw(frame, None));
        }
    }
}
