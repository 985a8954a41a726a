use super::*;
use bytes::BytesMut;
use consumer_group_describe_response::{Assignment, DescribedGroup, TopicPartitions};
use find_coordinator_response::Coordinator;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const TEXT: fn(&'static str) -> StrBytes = StrBytes::from_static_str;

/// An answer as a broker encodes it, with the head's tags before it.
fn encoded(answer: &impl Encodable, version: i16) -> Vec<u8> {
    let mut bytes = BytesMut::from(&[NONE][..]);
    answer.encode(&mut bytes, version).unwrap();
    bytes.to_vec()
}

fn group(name: &str, partitions: Vec<OffsetFetchResponsePartitions>) -> OffsetFetchResponseGroup {
    let topic =
        OffsetFetchResponseTopics::default().with_name(TopicName(TEXT("t"))).with_partitions(partitions);
    OffsetFetchResponseGroup::default()
        .with_group_id(GroupId(StrBytes::from_string(name.to_string())))
        .with_topics(vec![topic])
}

fn at(offset: i64) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default().with_committed_offset(offset).with_metadata(Some(TEXT("beside")))
}

/// What an offset is read as.
fn read(offset: i64, code: RDKafkaErrorCode) -> (Committed, RDKafkaErrorCode) {
    (Committed { topic: "t".into(), partition: 0, offset, metadata: "beside".into() }, code)
}

#[test]
fn what_is_asked_is_what_a_broker_reads() {
    let groups = ["a", "bcd"];
    let asked =
        OffsetFetchRequest::decode(&mut &OFFSET_FETCH.body(&groups)[1..], OFFSET_FETCH.api.1).unwrap();
    let of: Vec<_> =
        asked.groups.iter().map(|group| (group.group_id.as_str(), group.topics.is_none())).collect();
    assert_eq!((of, asked.require_stable), (vec![("a", true), ("bcd", true)], false));

    let (api, body) = (CONSUMER_GROUP_DESCRIBE.api, CONSUMER_GROUP_DESCRIBE.body(&groups));
    let asked = ConsumerGroupDescribeRequest::decode(&mut &body[1..], api.1).unwrap();
    assert_eq!((asked.group_ids[1].as_str(), asked.include_authorized_operations), ("bcd", false));

    let asked = FindCoordinatorRequest::decode(&mut &names(&groups)[1..], FIND_COORDINATOR.1).unwrap();
    assert_eq!((asked.key_type, asked.coordinator_keys), (0, groups.map(TEXT).to_vec()));
}

#[test]
fn offsets_are_read_as_a_broker_writes_them() {
    let denied = at(-1).with_error_code(ResponseError::TopicAuthorizationFailed.code());
    let gone = group("gone", vec![]).with_error_code(ResponseError::NotCoordinator.code());
    let answer = OffsetFetchResponse::default().with_groups(vec![group("g", vec![at(7), denied]), gone]);
    let answer = encoded(&answer, OFFSET_FETCH.api.1);
    let expected =
        vec![read(7, RDKafkaErrorCode::NoError), read(-1, RDKafkaErrorCode::TopicAuthorizationFailed)];
    let told = list(&mut Reader(&answer), OFFSET_FETCH.read);
    assert_eq!(told, Some(vec![("g".into(), Some(expected)), ("gone".into(), None)]));
    // The last byte is for tags.
    for length in 0..answer.len() - 1 {
        assert_eq!(list(&mut Reader(&answer[..length]), OFFSET_FETCH.read), None, "{length}");
    }
}

#[test]
fn groups_are_read_as_a_broker_describes_them() {
    let assigned =
        TopicPartitions::default().with_topic_name(TopicName(TEXT("t"))).with_partitions(vec![2, 5]);
    let member = consumer_group_describe_response::Member::default()
        .with_member_id(TEXT("id"))
        .with_client_id(TEXT("client"))
        .with_client_host(TEXT("/10.0.0.1"))
        .with_subscribed_topic_names(vec![TopicName(TEXT("t"))])
        .with_assignment(Assignment::default().with_topic_partitions(vec![assigned]));
    let there = DescribedGroup::default()
        .with_group_id(GroupId(TEXT("g")))
        .with_group_state(TEXT("Stable"))
        .with_members(vec![member]);
    let classic = DescribedGroup::default()
        .with_group_id(GroupId(TEXT("classic")))
        .with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(TEXT("another protocol")));
    let answer = ConsumerGroupDescribeResponse::default().with_groups(vec![classic, there]);
    let answer = encoded(&answer, CONSUMER_GROUP_DESCRIBE.api.1);
    let partitions = vec![("t".into(), 2), ("t".into(), 5)];
    let member = Member { id: "id".into(), client: "client".into(), host: "10.0.0.1".into(), partitions };
    let described = Group { name: "g".into(), state: "Stable".into(), members: vec![member] };
    let told = list(&mut Reader(&answer), CONSUMER_GROUP_DESCRIBE.read);
    assert_eq!(told, Some(vec![("classic".into(), None), ("g".into(), Some(described))]));
}

/// A broker that answers each connection's requests, which come as their key and their body.
fn broker(answer: impl Fn(i16, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Broker {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(|client| serve(client.unwrap(), &answer)));
    Broker { id: 1, address }
}

fn serve(mut client: TcpStream, answer: &impl Fn(i16, &[u8]) -> Vec<u8>) {
    let mut length = [0; 4];
    while client.read_exact(&mut length).is_ok() {
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        client.read_exact(&mut request).unwrap();
        let key = i16::from_be_bytes([request[0], request[1]]);
        // Behind key, version, number and the client's name.
        let answer = [&request[4..8], &answer(key, &request[14..])].concat();
        client.write_all(&(answer.len() as u32).to_be_bytes()).unwrap();
        client.write_all(&answer).unwrap();
    }
}

/// The versions of two requests, as a broker tells them.
fn known(fetch: i16) -> Vec<u8> {
    let versions = [(FIND_COORDINATOR.0, 6_i16), (OFFSET_FETCH.api.0, fetch)];
    let versions = versions.map(|(key, last)| [key, 0, last].map(i16::to_be_bytes).concat());
    [&[0, 0, 0, 0, 0, 2], &versions.concat()[..]].concat()
}

/// A broker that knows OffsetFetch up to this version. Another one, at the address, looks after all groups but `nowhere`.
fn first(fetch: i16, other: String) -> Broker {
    broker(move |key, body| {
        if key == API_VERSIONS.0 {
            return known(fetch);
        }
        let asked = FindCoordinatorRequest::decode(&mut &body[1..], FIND_COORDINATOR.1).unwrap();
        let (host, port) = other.split_once(':').unwrap();
        let there = Coordinator::default()
            .with_host(StrBytes::from_string(host.to_string()))
            .with_port(port.parse().unwrap());
        let nobody = Coordinator::default().with_error_code(ResponseError::CoordinatorNotAvailable.code());
        let coordinators = asked.coordinator_keys.into_iter().map(|key| match key.as_str() {
            "nowhere" => nobody.clone().with_key(key),
            _ => there.clone().with_key(key),
        });
        encoded(
            &FindCoordinatorResponse::default().with_coordinators(coordinators.collect()),
            FIND_COORDINATOR.1,
        )
    })
}

/// More groups than [`FEW`], of which all but the last two are told of.
fn groups() -> Vec<String> {
    let told = (0..=FEW).map(|number| format!("g{number}"));
    told.chain(["loading".to_string(), "nowhere".to_string()]).collect()
}

/// Tells an offset for each group, but that it is `loading` one.
fn fetch(key: i16, body: &[u8]) -> Vec<u8> {
    assert_eq!(key, OFFSET_FETCH.api.0);
    let asked = OffsetFetchRequest::decode(&mut &body[1..], OFFSET_FETCH.api.1).unwrap();
    let groups = asked.groups.into_iter().map(|asked| match asked.group_id.as_str() {
        "loading" => {
            group("loading", vec![]).with_error_code(ResponseError::CoordinatorLoadInProgress.code())
        }
        name => group(name, vec![at(3)]),
    });
    encoded(&OffsetFetchResponse::default().with_groups(groups.collect()), OFFSET_FETCH.api.1)
}

#[test]
fn what_coordinators_do_not_tell_is_left_out() {
    let coordinator = broker(fetch);
    let brokers = [first(9, coordinator.address)];
    let connection = Connection::new(&brokers[0].address);
    let names = groups();
    let groups: Vec<_> = names.iter().map(String::as_str).collect();
    let told = offsets(&connection, &brokers, &groups);
    let expected =
        names[..=FEW].iter().map(|group| (group.clone(), vec![read(3, RDKafkaErrorCode::NoError)]));
    assert_eq!(told, expected.collect());
    assert_eq!(offsets(&connection, &brokers, &groups[..FEW]), BTreeMap::new());
    assert_eq!(offsets(&connection, &[], &groups), BTreeMap::new());
    // These brokers do not know what is asked.
    assert_eq!(describe(&connection, &brokers, &groups), BTreeMap::new());
}

#[test]
fn brokers_that_are_older_or_gone_tell_nothing() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let names = groups();
    let groups: Vec<_> = names.iter().map(String::as_str).collect();
    let brokers = [first(7, gone.clone()), first(8, gone.clone()), Broker { id: 2, address: gone }];
    for broker in brokers {
        let connection = Connection::new(&broker.address);
        assert_eq!(offsets(&connection, &[broker], &groups), BTreeMap::new());
    }
}
