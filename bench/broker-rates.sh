#!/usr/bin/env bash
# The embedded broker beside Apache Kafka in one run: records in and out with Kafka's own performance tools and with
# librdkafka, time from producer to consumer, memory and start.
#
#   make bench-broker                       1,000,000 records of 1 KiB, lz4, acks=all; 5 GB for memory
#   RECORDS=300000 ROUNDS=1 STORE_GB=1 make bench-broker
#
# Both are given the same work in turns, and the best of the rounds counts. Times on a busy machine prove nothing: look
# at the ratios.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-1000000}
rounds=${ROUNDS:-3}
store_gb=${STORE_GB:-5}
export PATH="$PWD/bin:$PATH"
scripts/apache-kafka.sh install >/dev/null
kafka=${ECAP_CACHE:-$HOME/.cache/ecap}/kafka-4.1.0/bin
for tool in kcat perl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: scripts/install-test-tools.sh services" >&2; exit 1; }
done

mkdir -p .ecap
work=$(mktemp -d "$PWD/.ecap/bench.XXXXXX")
export ECAP_HOME=$work
ours=
finish() {
    scripts/apache-kafka.sh stop --data-dir "$work/kafka" >/dev/null || true
    [ -z "$ours" ] || kill "$ours" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

start_ours() {
    : >"$work/broker.log"
    ecap-broker --listen 127.0.0.1:0 --data-dir "$work/broker" >"$work/broker.log" 2>&1 &
    ours=$!
    until address=$(grep -osm1 'ready at [0-9.:]*' "$work/broker.log"); do sleep 0.002; done
    address=${address#ready at }
}
port=$((20000 + RANDOM % 10000))
scripts/apache-kafka.sh start --port "$port" --data-dir "$work/kafka" >/dev/null
start_ours
declare -A at=([ecap]=$address [kafka]=127.0.0.1:$port)

# A number goes into the file of its name and side.
note() { echo "$3" >>"$work/$1.$2"; }

# Values of transactions, 1 KiB each, as a course has them: random bytes would not compress.
ecap-gen transactions -n 20000 --seed 7 -o - 2>/dev/null | perl -ne 'chomp; print substr($_ x 9, 0, 1024), "\n"' >"$work/payload"
new_topic() { "$kafka/kafka-topics.sh" --bootstrap-server "$1" --create --topic "$2" --partitions 3 >/dev/null; }

rates() {
    local side=$1 topic=$2 address=${at[$1]} out
    new_topic "$address" "$topic"
    out=$("$kafka/kafka-producer-perf-test.sh" --topic "$topic" --num-records "$records" --throughput -1 \
        --payload-file "$work/payload" --producer-props bootstrap.servers="$address" acks=all compression.type=lz4 \
        linger.ms=5 batch.size=131072 | tail -1)
    note java-in "$side" "$(sed -E 's/.* ([0-9.]+) records\/sec.*/\1/' <<<"$out")"
    out=$("$kafka/kafka-consumer-perf-test.sh" --bootstrap-server "$address" --topic "$topic" --messages "$records" \
        --timeout 60000 2>/dev/null | tail -1)
    # The rate without the time of joining the group.
    note java-out "$side" "$(awk -F', ' '{ print $10 }' <<<"$out")"
}
# kcat reads its records from a file, so that it measures more than the broker on the way in, and the same for both.
librdkafka() {
    local side=$1 topic=$2-kcat address=${at[$1]}
    new_topic "$address" "$topic"
    timed kcat-in "$side" kcat -P -b "$address" -t "$topic" -z lz4 -X linger.ms=5 -X batch.size=1000000 -l "$work/many"
    timed kcat-out "$side" kcat -C -b "$address" -t "$topic" -o beginning -e -q
}
timed() {
    local name=$1 side=$2
    shift 2
    perl -MTime::HiRes=time -e '
        my ($records, $file) = splice @ARGV, 0, 2;
        my $began = time;
        open STDOUT, ">", "/dev/null";
        system(@ARGV) == 0 or exit 1;
        open my $note, ">>", $file;
        printf $note "%.0f\n", $records / (time - $began);
    ' "$records" "$work/$name.$side" "$@"
}
latency() {
    local side=$1 topic=$2 address=${at[$1]} out
    out=$("$kafka/kafka-run-class.sh" org.apache.kafka.tools.EndToEndLatency "$address" "$topic-latency" 5000 all 1024)
    note p50 "$side" "$(sed -nE 's/.*50th = ([0-9]+),.*/\1/p' <<<"$out")"
    note mean "$side" "$(sed -nE 's/^Avg latency: ([0-9.]+) ms.*/\1/p' <<<"$out")"
    note p99 "$side" "$(sed -nE 's/.*99th = ([0-9]+),.*/\1/p' <<<"$out")"
}

for ((copy = 0; copy < records; copy += 20000)); do cat "$work/payload"; done | head -n "$records" >"$work/many"
for ((round = 1; round <= rounds; round++)); do
    for side in ecap kafka; do
        rates "$side" "r$round"
        librdkafka "$side" "r$round"
        new_topic "${at[$side]}" "r$round-latency"
        latency "$side" "r$round"
    done
done
rm "$work/many"

resident() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
megabytes() { du -sm "$1" | cut -f1; }
started_in() {
    perl -MTime::HiRes=time -e '
        my $began = time;
        my $pid = open my $log, "-|", "exec ecap-broker --listen 127.0.0.1:0 --data-dir $ARGV[0] 2>&1";
        while (<$log>) { last if /ready at/ }
        printf "%.0f", (time - $began) * 1000;
        kill TERM => $pid;
    ' "$work/broker"
}
note rss-rates ecap "$(resident "$ours")"
note rss-rates kafka "$(resident "$(pgrep -f "kafka.Kafka.*$work" | head -1)")"
# Records that do not compress, so that there is as much on the disk as is wanted.
"$kafka/kafka-topics.sh" --bootstrap-server "${at[ecap]}" --create --topic store --partitions 3 >/dev/null
until [ "$(megabytes "$work/broker")" -ge $((store_gb * 1000)) ]; do
    "$kafka/kafka-producer-perf-test.sh" --topic store --num-records 250000 --throughput -1 --record-size 4096 \
        --producer-props bootstrap.servers="${at[ecap]}" acks=all batch.size=262144 >/dev/null
done
stored=$(megabytes "$work/broker")
sleep 2
note rss-stored ecap "$(resident "$ours")"
kill "$ours"
wait "$ours" || true
ours=
for _ in 1 2 3; do note ready ecap "$(started_in)"; done
perl -e '
    my ($work, $stored) = @ARGV;
    sub all { my ($file) = @_; open my $in, "<", "$work/$file" or return; map { 0 + $_ } <$in> }
    sub most { my @all = sort { $b <=> $a } all(@_); $all[0] }
    sub least { my @all = sort { $a <=> $b } all(@_); $all[0] }
    for (["java-in", "in, kafka-producer-perf-test", 0.8], ["java-out", "out, kafka-consumer-perf-test", 0.6],
         ["kcat-in", "in, kcat", 0.8], ["kcat-out", "out, kcat", 0.6]) {
        my ($name, $words, $wanted) = @$_;
        my ($ours, $theirs) = (most("$name.ecap"), most("$name.kafka"));
        printf "records/s %-32s ecap-broker %9.0f   Apache Kafka %9.0f   %.2f (wanted: %.1f)\n",
            $words, $ours, $theirs, $ours / $theirs, $wanted;
    }
    for (["mean", "mean"], ["p50", "median"], ["p99", "99th percentile"]) {
        my ($name, $words) = @$_;
        printf "producer to consumer, %-20s ecap-broker %6.2f ms   Apache Kafka %6.2f ms (wanted: no more)\n",
            $words, least("$name.ecap"), least("$name.kafka");
    }
    printf "resident after these: ecap-broker %.1f MB, Apache Kafka %.1f MB\n", most("rss-rates.ecap"), most("rss-rates.kafka");
    printf "resident with %d MB stored: %.1f MB (wanted: 30), ready again in %d ms (wanted: 100)\n",
        $stored, most("rss-stored.ecap"), least("ready.ecap");
' "$work" "$stored"
