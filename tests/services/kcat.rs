//! kcat: librdkafka with nothing around it.

use super::{kafka_tool, kcat, keyed_lines, run, run_with_input, sorted};
use crate::support::Cluster;

/// A topic of three partitions; kcat itself creates none.
fn topic(cluster: &Cluster, name: &str) -> String {
    let topic = cluster.name(name);
    run(kafka_tool("kafka-topics").args([
        "--bootstrap-server",
        &cluster.address,
        "--create",
        "--partitions",
        "3",
        "--topic",
        &topic,
    ]));
    topic
}

#[test]
fn kcat_shows_the_topic_and_reads_back_what_it_wrote_with_every_compression() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "orders");
    let listed = run(kcat(&cluster).args(["-L", "-t", &topic]));
    assert!(listed.contains("with 3 partitions"), "{listed}");

    let mut written = String::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let lines = keyed_lines(50, &format!(":{codec} "));
        run_with_input(
            kcat(&cluster).args(["-P", "-t", &topic, "-K", ":", "-z", codec, "-H", "origin=test"]),
            &lines,
        );
        written += &lines;
    }
    let read = run(kcat(&cluster).args(["-C", "-t", &topic, "-o", "beginning", "-e", "-K", ":"]));
    assert_eq!(sorted(&read), sorted(&written));

    let headers = run(kcat(&cluster).args(["-C", "-t", &topic, "-o", "beginning", "-e", "-f", "%h\n"]));
    assert_eq!(headers.lines().filter(|line| *line == "origin=test").count(), 250);
}

#[test]
fn records_of_a_key_share_a_partition_and_keep_their_order() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "orders");
    run_with_input(kcat(&cluster).args(["-P", "-t", &topic, "-K", ":"]), &keyed_lines(100, ":"));
    let read = run(kcat(&cluster).args(["-C", "-t", &topic, "-o", "beginning", "-e", "-f", "%k %p %s\n"]));
    for user in 0..7 {
        let prefix = format!("user-{user} ");
        let records: Vec<_> = read.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        let (partition, _) = records[0].split_once(' ').unwrap();
        let numbers: Vec<u32> = records
            .iter()
            .map(|record| record.strip_prefix(&format!("{partition} record ")).unwrap().parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "user-{user}: {numbers:?}");
    }
}

#[test]
fn a_group_of_kcat_goes_on_where_it_stopped() {
    let cluster = Cluster::start();
    let (topic, group) = (topic(&cluster, "orders"), cluster.name("readers"));
    let read_all = |lines: &str| {
        run_with_input(kcat(&cluster).args(["-P", "-t", &topic, "-K", ":"]), lines);
        run(kcat(&cluster)
            .args(["-X", "auto.offset.reset=earliest", "-e", "-K", ":"])
            .args(["-G", &group, &topic]))
    };
    for batch in ["first", "second"] {
        let lines = keyed_lines(30, &format!(":{batch} "));
        assert_eq!(sorted(&read_all(&lines)), sorted(&lines));
    }
}

#[test]
fn offsets_are_found_by_time() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "orders");
    run_with_input(kcat(&cluster).args(["-P", "-t", &topic, "-p", "0"]), "one\ntwo\n");
    let stamps =
        run(kcat(&cluster).args(["-C", "-t", &topic, "-p", "0", "-o", "beginning", "-e", "-f", "%T\n"]));
    let first = stamps.lines().next().expect("a record has a timestamp");
    let found = run(kcat(&cluster).args(["-Q", "-t", &format!("{topic}:0:{first}")]));
    assert!(found.trim_end().ends_with("offset 0"), "{found}");
}

#[test]
fn tail_gives_what_kcat_gives() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "orders");
    for headers in [&["-H", "origin=test", "-H", "empty"][..], &[]] {
        let lines = keyed_lines(500, ":");
        run_with_input(kcat(&cluster).args(["-P", "-t", &topic, "-K", ":", "-Z"]).args(headers), &lines);
    }
    run_with_input(kcat(&cluster).args(["-P", "-t", &topic, "-K", ":", "-Z"]), "gone:\n");
    let form = "%t %p %o %T %K %k %S %s %h\n";
    for offset in ["beginning", "-10", "100", "end"] {
        for partition in ["0", "1", "2"] {
            let theirs =
                run(kcat(&cluster)
                    .args(["-C", "-t", &topic, "-p", partition, "-o", offset, "-e", "-f", form]));
            let args = ["tail", &topic, "--partition", partition, "--from", offset, "--print", form];
            assert_eq!(cluster.run("ecap-topics", &args).ok(), theirs, "{partition} {offset}");
        }
    }
    let theirs = run(kcat(&cluster).args(["-C", "-t", &topic, "-o", "beginning", "-e"]));
    let ours = cluster.run("ecap-topics", &["tail", &topic, "--from", "beginning", "--raw"]).ok();
    assert_eq!(sorted(&ours), sorted(&theirs));
}
