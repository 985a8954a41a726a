use super::apis::APIS;
use super::shape::{Field, Kind};
use super::*;
use crate::broker::settings::Settings;
use crate::broker::{Config, Core};
use crate::clock::ManualClock;
use futures::FutureExt;
use proptest::prelude::*;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

fn core() -> Core {
    let core = Core::open(Config::default(), Arc::new(ManualClock::at(0))).unwrap();
    core.topics.create("a", 1, Settings::new()).unwrap();
    core
}

/// The answer, if it comes at once.
fn ask(core: &Core, request: Vec<u8>) -> Option<Result<Option<BytesMut>, Unanswerable>> {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
    let _timers = RUNTIME.enter();
    let here = "127.0.0.1:9092".parse().unwrap();
    answer(core, here, here, Bytes::from(request)).now_or_never()
}

/// A request in its shape: every array has one item, every text is "a", every number is `number`.
fn example(api: &Api, version: i16, number: u8) -> Vec<u8> {
    let flexible = version >= api.flexible;
    let mut request =
        [&api.key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 7, 0, 1, b'c']].concat();
    if flexible {
        request.push(0);
    }
    fields(&mut request, api.fields, version, flexible, number);
    request
}

fn fields(request: &mut Vec<u8>, all: &[Field], version: i16, flexible: bool, number: u8) {
    for field in all.iter().filter(|field| (field.from..=field.to).contains(&version)) {
        kind(request, &field.kind, version, flexible, number);
    }
    if flexible {
        request.push(0);
    }
}

fn kind(request: &mut Vec<u8>, layout: &Kind, version: i16, flexible: bool, number: u8) {
    let one_item: &[u8] = if flexible { &[2] } else { &[0, 0, 0, 1] };
    match layout {
        Kind::Fixed(size) => {
            request.resize(request.len() + size - 1, 0);
            request.push(number);
        }
        Kind::Text => request.extend_from_slice(if flexible { &[2, b'a'] } else { &[0, 1, b'a'] }),
        Kind::Bytes => {
            request.extend_from_slice(one_item);
            request.push(b'b');
        }
        Kind::Values(item) => {
            request.extend_from_slice(one_item);
            kind(request, item, version, flexible, number);
        }
        Kind::Structs(item) => {
            request.extend_from_slice(one_item);
            fields(request, item, version, flexible, number);
        }
    }
}

#[test]
fn every_request_in_every_version_that_is_offered_has_an_answer() {
    for api in APIS {
        let first = if api.name == "Produce" { 3 } else { api.min };
        for version in first..=api.max {
            for number in [0, 1, 0xff] {
                let request = example(api, version, number);
                let answered = ask(&core(), request.clone());
                // Only a fetch or a member of a group may have to wait.
                let waits = answered.is_none() && ["Fetch", "JoinGroup"].contains(&api.name);
                let no_acks = api.name == "Produce" && matches!(answered, Some(Ok(None)));
                assert!(
                    waits || no_acks || matches!(answered, Some(Ok(Some(_)))),
                    "{} version {version}, {number}: {answered:?} for {request:?}",
                    api.name
                );
            }
        }
    }
}

#[test]
fn a_version_that_is_not_offered_is_not_answered_but_for_the_list_of_versions() {
    let strange = [0, 18, 0, 99, 0, 0, 0, 7, 0, 0];
    let answered = ask(&core(), strange.to_vec()).unwrap().unwrap().unwrap();
    assert_eq!(answered[8..10], 35_i16.to_be_bytes());
    for strange in [[0, 1, 0, 3, 0, 0, 0, 7, 0, 0], [0, 99, 0, 0, 0, 0, 0, 7, 0, 0]] {
        assert!(ask(&core(), strange.to_vec()).unwrap().is_err());
    }
}

#[test]
fn requests_are_listed_once_and_in_order() {
    assert!(APIS.is_sorted_by(|one, other| one.key < other.key));
}

#[test]
fn the_documentation_lists_every_request_with_its_versions() {
    let page = include_str!("../../../docs/broker.md");
    let listed = |api: &Api| format!("\n| {} | {}–{} |", api.name, api.min, api.max);
    let missing: Vec<String> = APIS.iter().map(listed).filter(|row| !page.contains(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

proptest! {
    #[test]
    fn bytes_that_are_no_request_do_no_harm(
        api in 0..APIS.len(),
        version in 0i16..19,
        number in any::<u8>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut request = example(&APIS[api], version, number);
        for (at, byte) in changes {
            let at = at.index(request.len());
            request[at] = byte;
        }
        let end = cut.index(request.len() * 2);
        request.truncate(end.max(1));
        ask(&core(), request);
    }
}
