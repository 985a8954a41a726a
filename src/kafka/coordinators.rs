//! Many consumer groups asked about with one request to each of their coordinators, all of these at the same time, where librdkafka
//! sends two for each group. What is not told here is left to librdkafka: groups that no broker looks after, or that may not be
//! seen; and all of them where a broker is older than Apache Kafka 3.0, or lets us in by another mechanism than we speak.

use super::admin::Broker;
use super::committed::Committed;
use super::config::Connection;
use super::groups::{Group, Member};
use super::wire::compact::{NONE, put_count, put_text};
use super::wire::{Api, Reader, Wire};
use crate::{Error, Result};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys::rd_kafka_resp_err_t as Code;
use std::collections::BTreeMap;
use std::thread;

const API_VERSIONS: Api = (18, 0);
/// The first that takes many groups.
const FIND_COORDINATOR: Api = (10, 4);

/// So many groups are in a request.
const MANY: usize = 500;

/// So few groups are sooner asked about on the connections that librdkafka has: another one has to be made, with its login.
const FEW: usize = 30;

/// The partitions of a group, with the broker's word on each.
type Offsets = Vec<(Committed, RDKafkaErrorCode)>;

/// The offsets of those of these groups whose coordinators tell them, of all partitions.
pub fn offsets(connection: &Connection, brokers: &[Broker], groups: &[&str]) -> BTreeMap<String, Offsets> {
    match groups.len() <= FEW {
        true => BTreeMap::new(),
        false => OFFSET_FETCH.ask(connection, brokers, groups),
    }
}

/// Those of these groups whose members speak the protocol `consumer`, as their coordinators describe them.
pub fn describe(connection: &Connection, brokers: &[Broker], groups: &[&str]) -> BTreeMap<String, Group> {
    match groups.is_empty() {
        true => BTreeMap::new(),
        false => CONSUMER_GROUP_DESCRIBE.ask(connection, brokers, groups),
    }
}

/// Reads a group and what is told of it, if that is no error.
type Read<T> = fn(&mut Reader<'_>) -> Option<(String, Option<T>)>;

/// A request about groups.
struct Question<T> {
    /// In its first version that takes many groups.
    api: Api,
    /// Whether each group's name is followed by the list of topics that are meant; where there is none, all are.
    names_topics: bool,
    read: Read<T>,
}

const OFFSET_FETCH: Question<Offsets> = Question { api: (9, 8), names_topics: true, read: fetched };

const CONSUMER_GROUP_DESCRIBE: Question<Group> =
    Question { api: (69, 0), names_topics: false, read: described };

impl<T: Send> Question<T> {
    fn ask(&self, connection: &Connection, brokers: &[Broker], groups: &[&str]) -> BTreeMap<String, T> {
        let Some(Broker { address, .. }) = brokers.first() else { return BTreeMap::new() };
        let mut first = None;
        let told = Wire::open(connection, address)
            .and_then(|wire| coordinators(first.insert(wire), groups, self.api));
        let coordinators = told.inspect_err(left).unwrap_or_default();
        thread::scope(|scope| {
            let asked = coordinators.iter().map(|(coordinator, groups)| {
                let wire = if coordinator == address { first.take() } else { None };
                scope.spawn(move || {
                    let wire = wire.map_or_else(|| Wire::open(connection, coordinator), Ok);
                    let told = wire.and_then(|wire| self.ask_one(wire, groups));
                    told.inspect_err(left).unwrap_or_default()
                })
            });
            let asked: Vec<_> = asked.collect();
            asked.into_iter().filter_map(|told| told.join().ok()).flatten().collect()
        })
    }

    fn ask_one(&self, mut wire: Wire, groups: &[&str]) -> Result<Vec<(String, T)>> {
        let mut all = Vec::new();
        for part in groups.chunks(MANY) {
            let told = wire.told(self.api, &self.body(part), |answer| list(answer, self.read))?;
            all.extend(told.into_iter().filter_map(|(group, told)| Some((group, told?))));
        }
        Ok(all)
    }

    fn body(&self, groups: &[&str]) -> Vec<u8> {
        let mut body = vec![NONE];
        put_count(&mut body, groups.len());
        for group in groups {
            put_text(&mut body, group);
            if self.names_topics {
                body.extend([NONE, NONE]);
            }
        }
        // Neither stable offsets alone nor what the user may do.
        body.extend([u8::from(false), NONE]);
        body
    }
}

/// Says that librdkafka asks now.
fn left(error: &Error) {
    tracing::debug!("groups are asked about one by one: {error}");
}

/// Which of these groups each broker looks after, by its address; those that none does are left out.
///
/// # Errors
/// When the broker does not tell it, or does not know this request.
fn coordinators<'a>(wire: &mut Wire, groups: &[&'a str], api: Api) -> Result<BTreeMap<String, Vec<&'a str>>> {
    let known = wire.told(API_VERSIONS, &[], versions)?;
    let is_known = |(key, version): Api| {
        known.iter().any(|(known, first, last)| *known == key && (*first..=*last).contains(&version))
    };
    if !is_known(FIND_COORDINATOR) || !is_known(api) {
        return Err(wire.failed("it does not take many groups in a request"));
    }
    let mut coordinators: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for part in groups.chunks(MANY) {
        let told = wire.told(FIND_COORDINATOR, &names(part), |answer| list(answer, coordinator))?;
        let told: BTreeMap<_, _> = told.into_iter().flatten().collect();
        for group in part {
            if let Some(address) = told.get(*group) {
                coordinators.entry(address.clone()).or_default().push(group);
            }
        }
    }
    Ok(coordinators)
}

/// Asks for the coordinators of groups, and not of transactions.
fn names(groups: &[&str]) -> Vec<u8> {
    let mut body = vec![NONE, 0];
    put_count(&mut body, groups.len());
    groups.iter().for_each(|group| put_text(&mut body, group));
    body.push(NONE);
    body
}

/// An answer that is a list.
fn list<T>(answer: &mut Reader<'_>, element: impl FnMut(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    answer.tags()?;
    let _throttled = answer.number::<4>()?;
    answer.list(element)
}

/// Each request that a broker knows, with its first and its last version.
fn versions(answer: &mut Reader<'_>) -> Option<Vec<(i16, i16, i16)>> {
    let _code = answer.number::<2>()?;
    let short = |answer: &mut Reader<'_>| i16::try_from(answer.number::<2>()?).ok();
    (0..answer.number::<4>()?).map(|_| Some((short(answer)?, short(answer)?, short(answer)?))).collect()
}

/// A group, and the address of its coordinator if it has one.
fn coordinator(answer: &mut Reader<'_>) -> Option<Option<(String, String)>> {
    let group = answer.short_text()?;
    let _node = answer.number::<4>()?;
    let (host, port) = (answer.short_text()?, answer.number::<4>()?);
    let code = answer.number::<2>()?;
    let _reason = answer.short_text()?;
    answer.tags()?;
    Some((code == 0).then(|| (group.into_owned(), format!("{host}:{port}"))))
}

fn fetched(answer: &mut Reader<'_>) -> Option<(String, Option<Offsets>)> {
    let group = answer.short_text()?;
    let topics = answer.list(|answer| {
        let topic = answer.short_text()?;
        let offsets = answer.list(|answer| committed(answer, &topic))?;
        answer.tags()?;
        Some(offsets)
    })?;
    let code = answer.number::<2>()?;
    answer.tags()?;
    Some((group.into_owned(), (code == 0).then(|| topics.into_iter().flatten().collect())))
}

fn committed(answer: &mut Reader<'_>, topic: &str) -> Option<(Committed, RDKafkaErrorCode)> {
    let partition = i32::try_from(answer.number::<4>()?).ok()?;
    let offset = answer.number::<8>()?;
    let _epoch = answer.number::<4>()?;
    let metadata = answer.short_text()?.into_owned();
    let code = i32::try_from(answer.number::<2>()?).ok()?;
    answer.tags()?;
    let code = Code::try_from(code).map_or(RDKafkaErrorCode::Unknown, RDKafkaErrorCode::from);
    Some((Committed { topic: topic.to_string(), partition, offset, metadata }, code))
}

fn described(answer: &mut Reader<'_>) -> Option<(String, Option<Group>)> {
    let code = answer.number::<2>()?;
    let _reason = answer.short_text()?;
    let (name, state) = (answer.short_text()?.into_owned(), answer.short_text()?.into_owned());
    let (_epoch, _assignment_epoch) = (answer.number::<4>()?, answer.number::<4>()?);
    let _assignor = answer.short_text()?;
    let members = answer.list(member)?;
    let _operations = answer.number::<4>()?;
    answer.tags()?;
    Some((name.clone(), (code == 0).then_some(Group { name, state, members })))
}

fn member(answer: &mut Reader<'_>) -> Option<Member> {
    let id = answer.short_text()?.into_owned();
    let (_instance, _rack) = (answer.short_text()?, answer.short_text()?);
    let _epoch = answer.number::<4>()?;
    let (client, host) = (answer.short_text()?.into_owned(), answer.short_text()?);
    let _topics = answer.list(Reader::short_text)?;
    let _pattern = answer.short_text()?;
    let partitions = assigned(answer)?;
    let _target = assigned(answer)?;
    answer.tags()?;
    Some(Member { id, client, host: host.trim_start_matches('/').to_string(), partitions })
}

/// Topics and partitions.
fn assigned(answer: &mut Reader<'_>) -> Option<Vec<(String, i32)>> {
    let topics = answer.list(|answer| {
        let _id = (answer.number::<8>()?, answer.number::<8>()?);
        let topic = answer.short_text()?.into_owned();
        let partitions = answer.list(|answer| i32::try_from(answer.number::<4>()?).ok())?;
        answer.tags()?;
        Some((topic, partitions))
    })?;
    answer.tags()?;
    let places = topics.into_iter().flat_map(|(topic, partitions)| {
        partitions.into_iter().map(move |partition| (topic.clone(), partition))
    });
    Some(places.collect())
}

#[cfg(test)]
mod tests;
