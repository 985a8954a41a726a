//! What is counted, in the form of Prometheus, under the names that Kafka's metrics usually have there:
//! those of the JMX exporter's own example (`…_total`), and those of Grafana's Kafka dashboards (`…persec`).

use super::{Counter, Traffic};
use crate::broker::Core;
use crate::broker::groups::State;
use crate::broker::topics::Topic;
use crate::broker::wire::api_names;
use crate::exposition::{Kind, Page};
use std::sync::Arc;

/// Names in the middle of a metric, and what they count.
type Flow = (&'static str, &'static str, fn(&Traffic) -> &Counter);

const FLOWS: [Flow; 7] = [
    ("messagesin", "Records produced", |traffic| &traffic.messages_in),
    ("bytesin", "Bytes of batches produced, as they came", |traffic| &traffic.bytes_in),
    ("bytesout", "Bytes of batches fetched", |traffic| &traffic.bytes_out),
    ("totalproducerequests", "Partitions in produce requests", |traffic| &traffic.produces),
    ("totalfetchrequests", "Partitions in fetch requests", |traffic| &traffic.fetches),
    ("failedproducerequests", "Partitions in produce requests that were refused", |traffic| {
        &traffic.failed_produces
    }),
    ("failedfetchrequests", "Partitions in fetch requests that were refused", |traffic| {
        &traffic.failed_fetches
    }),
];

/// Ends of such a name, and what a metric is under it: a counter's own would be `_total`.
const ENDS: [(&str, Kind); 2] = [("_total", Kind::Counter), ("persec", Kind::Untyped)];

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

/// Everything that is counted, now.
pub fn render(core: &Core) -> String {
    let mut page = Page::default();
    let topics = core.topics.all();
    flows(&mut page, &core.metrics.traffic, &topics);
    requests(&mut page, core);
    partitions(&mut page, &topics);
    connections(&mut page, core);
    groups(&mut page, core);
    page.process();
    page.text()
}

/// Without a label what all topics had together, as Kafka has it.
fn flows(page: &mut Page, all: &Traffic, topics: &[Arc<Topic>]) {
    for (middle, help, count) in FLOWS {
        for (end, kind) in ENDS {
            let name = format!("kafka_server_brokertopicmetrics_{middle}{end}");
            let mut metric = page.metric(&name, kind, help);
            metric.sample(&[], count(all).get());
            for topic in topics {
                metric.sample(&[("topic", &topic.name)], count(&topic.traffic).get());
            }
        }
    }
}

fn requests(page: &mut Page, core: &Core) {
    let all = || core.metrics.requests.iter().zip(api_names());
    // Kafka shows a fetch twice: once among all, and once as that of a consumer.
    let fetches =
        || all().filter(|(_, request)| *request == "Fetch").map(|(times, _)| (times, "FetchConsumer"));
    let seen = || all().chain(fetches()).filter(|(times, _)| times.count.get() > 0);
    for (end, kind) in ENDS {
        let name = format!("kafka_network_requestmetrics_requests{end}");
        let mut metric = page.metric(&name, kind, "Requests answered");
        for (times, request) in seen() {
            metric.sample(&[("request", &request)], times.count.get());
        }
    }
    let help = "Milliseconds from a request to its answer, lately";
    let mut took = page.metric("kafka_network_requestmetrics_totaltimems", Kind::Summary, help);
    for (times, request) in seen() {
        for (share, micros) in QUANTILES.iter().zip(times.quantiles(QUANTILES)) {
            took.sample(&[("request", &request), ("quantile", share)], micros as f64 / 1_000.0);
        }
        took.suffixed("_count", &[("request", &request)], times.count.get());
    }
}

fn partitions(page: &mut Page, topics: &[Arc<Topic>]) {
    let count: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    page.gauge("kafka_controller_kafkacontroller_activecontrollercount", "This broker", 1);
    page.gauge("kafka_controller_kafkacontroller_activebrokercount", "This broker", 1);
    page.gauge("kafka_controller_kafkacontroller_globaltopiccount", "Topics", topics.len());
    page.gauge("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions", count);
    page.gauge("kafka_server_replicamanager_partitioncount", "Partitions", count);
    page.gauge("kafka_server_replicamanager_leadercount", "Partitions, as all are led here", count);
    never(page);
    logs(page, topics);
}

/// There is one replica of each partition, and it is here.
fn never(page: &mut Page) {
    let help = "Always 0: there is one replica";
    for name in [
        "kafka_controller_kafkacontroller_offlinepartitionscount",
        "kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
        "kafka_controller_kafkacontroller_fencedbrokercount",
        "kafka_server_replicamanager_underreplicatedpartitions",
        "kafka_server_replicamanager_underminisrpartitioncount",
        "kafka_server_replicamanager_offlinereplicacount",
    ] {
        page.gauge(name, help, 0);
    }
    for (end, kind) in ENDS {
        for middle in [
            "controller_controllerstats_uncleanleaderelections",
            "server_replicamanager_isrshrinks",
            "server_replicamanager_isrexpands",
        ] {
            page.metric(&format!("kafka_{middle}{end}"), kind, help).sample(&[], 0);
        }
    }
}

fn logs(page: &mut Page, topics: &[Arc<Topic>]) {
    let states: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().enumerate().map(|(at, partition)| (&topic.name, at, partition))
        })
        .map(|(topic, at, partition)| {
            let log = partition.log();
            (topic, at, [log.size() as i64, log.start(), log.end()])
        })
        .collect();
    let names = [
        ("kafka_log_log_size", "Bytes stored"),
        ("kafka_log_log_logstartoffset", "The first offset that can be read"),
        ("kafka_log_log_logendoffset", "The offset that the next record gets"),
    ];
    for (which, (name, help)) in names.into_iter().enumerate() {
        let mut metric = page.metric(name, Kind::Gauge, help);
        for (topic, at, values) in &states {
            let value = values.get(which).copied().unwrap_or_default();
            metric.sample(&[("topic", topic), ("partition", at)], value);
        }
    }
}

fn connections(page: &mut Page, core: &Core) {
    let metrics = &core.metrics;
    // Kafka's name ends as that of a histogram's part does.
    let open = "kafka_server_socketservermetrics_connection_count";
    page.metric(open, Kind::Untyped, "Open connections").sample(&[], metrics.connections());
    page.counter(
        "kafka_server_socketservermetrics_connection_creation_total",
        "Connections accepted",
        metrics.accepted.get(),
    );
    page.counter(
        "ecap_broker_connections_refused_total",
        "Connections closed because there were too many",
        metrics.refused.get(),
    );
    page.counter(
        "ecap_broker_connections_broken_total",
        "Connections closed because of a request that is none, or that did not come to its end",
        metrics.broken.get(),
    );
}

fn groups(page: &mut Page, core: &Core) {
    let groups = core.groups.look_at_all(|_, group| (group.state, group.offsets.len()));
    let offsets: usize = groups.iter().map(|(_, offsets)| offsets).sum();
    let prefix = "kafka_coordinator_group_groupmetadatamanager";
    page.gauge(&format!("{prefix}_numgroups"), "Consumer groups", groups.len());
    page.gauge(&format!("{prefix}_numoffsets"), "Committed offsets", offsets);
    let states = [
        ("numgroupsempty", State::Empty),
        ("numgroupspreparingrebalance", State::Preparing),
        ("numgroupscompletingrebalance", State::Completing),
        ("numgroupsstable", State::Stable),
    ];
    for (name, state) in states {
        let count = groups.iter().filter(|(of, _)| *of == state).count();
        page.gauge(&format!("{prefix}_{name}"), "Consumer groups in this state", count);
    }
}
