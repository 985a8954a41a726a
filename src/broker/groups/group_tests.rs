use super::*;
use tokio::sync::oneshot::{self, Receiver};

const SECOND: Micros = 1_000_000;

fn join(group: &mut Group, member: &str, now: Micros) -> Receiver<JoinAnswer> {
    let (answer, answered) = oneshot::channel();
    let join = Join {
        member_id: member.into(),
        client_id: "client".into(),
        session_ms: 10_000,
        rebalance_ms: 30_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::from_static(b"\0\x01\0\0\0\x01\0\x02t1"))],
        ..Join::default()
    };
    group.join(join, now, answer);
    answered
}

fn sync(group: &mut Group, member: &str, shares: &[(&str, &'static [u8])]) -> Receiver<SyncAnswer> {
    let (answer, answered) = oneshot::channel();
    let shares = shares.iter().map(|(id, share)| (id.to_string(), Bytes::from_static(share))).collect();
    let caller = Caller { member_id: member, instance_id: None, generation: group.generation };
    group.sync(caller, shares, 0, answer);
    answered
}

fn joined(answer: &mut Receiver<JoinAnswer>) -> Joined {
    answer.try_recv().unwrap().unwrap()
}

/// A group of two, settled; with their ids, leader first.
fn pair() -> (Group, String, String) {
    let mut group = Group::default();
    let leader = joined(&mut join(&mut group, "", 0)).member_id;
    sync(&mut group, &leader, &[(&leader, b"all")]);
    let mut second = join(&mut group, "", 0);
    assert!(second.try_recv().is_err(), "waits for the first");
    joined(&mut join(&mut group, &leader, 0));
    let second = joined(&mut second).member_id;
    let mut waiting = sync(&mut group, &second, &[]);
    assert!(waiting.try_recv().is_err(), "waits for the leader");
    sync(&mut group, &leader, &[(&leader, b"one"), (&second, b"two")]);
    assert_eq!(waiting.try_recv().unwrap().unwrap(), "two");
    (group, leader, second)
}

fn caller<'a>(group: &Group, member_id: &'a str) -> Caller<'a> {
    Caller { member_id, instance_id: None, generation: group.generation }
}

#[test]
fn two_members_share_and_agree_on_a_generation() {
    let (group, leader, _) = pair();
    assert_eq!((group.state, group.generation), (State::Stable, 2));
    assert_eq!(group.leader, leader);
    assert_eq!(group.subscribed(), HashSet::from(["t1".to_string()]));
}

#[test]
fn a_member_that_is_silent_loses_its_place_and_the_other_is_told() {
    let (mut group, leader, second) = pair();
    let now = 9 * SECOND;
    group.heartbeat(caller(&group, &second), now).unwrap();
    group.tick(11 * SECOND);
    assert_eq!(group.state, State::Preparing);
    let told = group.heartbeat(caller(&group, &second), 11 * SECOND);
    assert_eq!(told, Err(ResponseError::RebalanceInProgress));
    let alone = joined(&mut join(&mut group, &second, 12 * SECOND));
    assert_eq!((alone.generation, alone.leader), (3, second));
    assert_eq!(group.heartbeat(caller(&group, &leader), now), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_rebalance_goes_on_without_who_does_not_join_in_time() {
    let (mut group, leader, second) = pair();
    let mut waiting = join(&mut group, &leader, 0);
    for second_at in 1..30 {
        group.heartbeat(caller(&group, &second), second_at * SECOND).unwrap_err();
        group.tick(second_at * SECOND);
    }
    assert!(waiting.try_recv().is_err());
    group.tick(31 * SECOND);
    assert_eq!(joined(&mut waiting).members.len(), 1);
}

#[test]
fn leaving_ends_membership_and_the_last_one_leaves_an_empty_group() {
    let (mut group, leader, second) = pair();
    group.leave(&second, None, 0).unwrap();
    assert_eq!(group.leave(&second, None, 0), Err(ResponseError::UnknownMemberId));
    group.leave(&leader, None, 0).unwrap();
    assert_eq!(group.state, State::Empty);
    assert!(group.is_gone());
}

fn join_static(group: &mut Group) -> Joined {
    let (answer, mut answered) = oneshot::channel();
    let join = Join {
        instance_id: Some("desk-1".into()),
        session_ms: 10_000,
        rebalance_ms: 30_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::new())],
        may_skip_assignment: true,
        ..Join::default()
    };
    group.join(join, 0, answer);
    joined(&mut answered)
}

#[test]
fn a_static_member_returns_without_a_rebalance_and_fences_its_old_self() {
    let mut group = Group::default();
    let first = join_static(&mut group);
    sync(&mut group, &first.member_id, &[(&first.member_id, b"all")]);
    let again = join_static(&mut group);
    assert_ne!(again.member_id, first.member_id);
    assert_eq!((again.generation, again.skip_assignment), (first.generation, true));
    let generation = again.generation;
    let old = Caller { member_id: &first.member_id, instance_id: Some("desk-1"), generation };
    assert_eq!(group.heartbeat(old, 0), Err(ResponseError::FencedInstanceId));
}

#[test]
fn a_newcomer_gets_an_id_first_and_a_stranger_gets_nothing() {
    let mut group = Group::default();
    let (answer, mut answered) = oneshot::channel();
    let request = Join {
        id_first: true,
        session_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::new())],
        ..Join::default()
    };
    group.join(request, 0, answer);
    let NotJoined(error, id) = answered.try_recv().unwrap().unwrap_err();
    assert_eq!(error, ResponseError::MemberIdRequired);
    joined(&mut join(&mut group, &id, 0));
    let NotJoined(error, _) = join(&mut group, "stranger", 0).try_recv().unwrap().unwrap_err();
    assert_eq!(error, ResponseError::UnknownMemberId);
}

#[test]
fn offsets_are_committed_by_members_or_by_anyone_while_nobody_is_in() {
    let anyone = Caller { member_id: "", instance_id: None, generation: -1 };
    assert_eq!(Group::default().check_commit(anyone, 0), Ok(()));
    let (mut group, leader, _) = pair();
    assert_eq!(group.check_commit(anyone, 0), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.check_commit(caller(&group, &leader), 0), Ok(()));
    let old = Caller { generation: 1, ..caller(&group, &leader) };
    assert_eq!(group.check_commit(old, 0), Err(ResponseError::IllegalGeneration));
}
