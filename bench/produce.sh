#!/usr/bin/env bash
# Records into a topic, unpaced: ecap-produce from lines of JSON and from the generator, beside Apache Kafka's own producer
# performance tool and librdkafka's, with the same settings in one run. Times on a busy machine prove nothing: look at the ratios.
#
#   make bench-produce                      on the embedded broker, 1,000,000 transactions
#   BENCH_KAFKA=1 make bench-produce        on an Apache Kafka that is started for it and stopped afterwards
#   RECORDS=300000 ROUNDS=1 make bench-produce
#
# The tools send 20,000 different records in turn without keys; ecap-produce reads, checks and keys each of them.
# rdkafka_performance sends one record again and again, which packs to nothing: it shows what the client takes without packing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-1000000}
rounds=${ROUNDS:-3}
export PATH="$PWD/bin:$PATH"
scripts/apache-kafka.sh install >/dev/null
kafka=${ECAP_CACHE:-$HOME/.cache/ecap}/kafka-4.1.0/bin
for tool in kcat perl cc; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: scripts/install-test-tools.sh services" >&2; exit 1; }
done

# shellcheck source=bench/broker.sh
. bench/broker.sh
ecap-topics create-topics transactions >/dev/null 2>&1
settings=(linger.ms=50 batch.size=1000000 enable.idempotence=true)
options=()
for setting in "${settings[@]}"; do options+=(-X "$setting"); done

ecap-gen transactions -n 20000 --seed 7 --start 2026-01-01 -o "$work/payload.ndjson" 2>/dev/null
for ((copy = 0; copy < records; copy += 20000)); do cat "$work/payload.ndjson"; done | head -n "$records" >"$work/rows.ndjson"
size=$(($(wc -c <"$work/payload.ndjson") / 20000 - 1))
echo "$records transactions of $size bytes, acks=all, lz4, ${settings[*]}, on $ECAP_BOOTSTRAP_SERVERS"

# librdkafka's own tool, from the sources that we build with.
target=${CARGO_TARGET_DIR:-${ECAP_CACHE:-$HOME/.cache/ecap}/target}
built=$(find "$target/debug/build" -path '*rdkafka-sys-*/out/src/librdkafka.a' | head -1)
built=${built%/src/librdkafka.a}
archives=$(find "$target/debug/build" -name libzstd.a | head -1)
cc -O2 -w -I "$built/src" -o "$work/rdkafka_performance" "$built/examples/rdkafka_performance.c" "$built/src/librdkafka.a" \
    ${archives:+"$archives"} -lssl -lcrypto -lz -lm -lpthread -ldl 2>"$work/cc.log" ||
    { echo "rdkafka_performance is left out: $(tail -1 "$work/cc.log")" >&2; rm -f "$work/rdkafka_performance"; }

note() { echo "$2" >>"$work/$1"; }
java() {
    note java "$("$kafka/kafka-producer-perf-test.sh" --topic transactions --num-records "$records" --throughput -1 \
        --payload-file "$work/payload.ndjson" --producer-props bootstrap.servers="$ECAP_BOOTSTRAP_SERVERS" acks=all \
        compression.type=lz4 "${settings[@]}" | tail -1 | sed -E 's/.* ([0-9.]+) records\/sec.*/\1/')"
}
ours() {
    local name=$1
    shift
    ecap-produce --topic transactions --throughput -1 --format json "${options[@]}" "$@" 2>"$work/err" >"$work/out" ||
        { cat "$work/err" >&2; exit 1; }
    note "$name" "$(sed -nE 's/.*"records_per_second": ?([0-9.]+).*/\1/p' "$work/out")"
}
with_kcat() {
    note kcat "$(perl -MTime::HiRes=time -e '
        my $records = shift;
        my $began = time;
        system(@ARGV) == 0 or exit 1;
        printf "%.0f\n", $records / (time - $began);
    ' "$records" kcat -P -b "$ECAP_BOOTSTRAP_SERVERS" -t transactions -z lz4 "${options[@]}" -l "$work/rows.ndjson")"
}
repeated() {
    [ -x "$work/rdkafka_performance" ] || return 0
    note repeated "$("$work/rdkafka_performance" -P -b "$ECAP_BOOTSTRAP_SERVERS" -t transactions -s "$size" -c "$records" -a -1 \
        -z lz4 "${options[@]}" -q 2>&1 | sed -nE 's/.*messages produced.* ([0-9]+) msgs\/s.*/\1/p' | tail -1)"
}

for ((round = 1; round <= rounds; round++)); do
    java
    ours ndjson --data-file "$work/rows.ndjson"
    ours generator --synthetic transactions --seed 7 --max-records "$records"
    with_kcat
    repeated
done
perl -e '
    my ($work) = @ARGV;
    sub most { open my $in, "<", "$work/$_[0]" or return 0; my @all = sort { $b <=> $a } map { 0 + $_ } <$in>; $all[0] }
    my $java = most("java");
    for (["java", "kafka-producer-perf-test"], ["ndjson", "ecap-produce, lines of JSON"], ["generator", "ecap-produce, generated"],
         ["kcat", "kcat, lines of JSON, unchecked"], ["repeated", "rdkafka_performance, one record"]) {
        my ($name, $words) = @$_;
        my $rate = most($name) or next;
        printf "%-36s %9.0f records/s   %.2f\n", $words, $rate, $rate / $java;
    }
' "$work"
