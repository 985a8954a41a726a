# For the other scripts here to source: a folder for the run in $work, and a broker in ECAP_BOOTSTRAP_SERVERS: the one that is
# given, with BENCH_KAFKA=1 an Apache Kafka, else the embedded one. What is started here ends with the script.
# shellcheck shell=bash

mkdir -p .ecap
work=$(mktemp -d "$PWD/.ecap/bench.XXXXXX")
export ECAP_HOME=$work
broker=
finish() {
    [ ! -d "$work/kafka" ] || scripts/apache-kafka.sh stop --data-dir "$work/kafka" >/dev/null || true
    [ -z "$broker" ] || kill "$broker" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

if [ "${BENCH_KAFKA:-0}" = 1 ]; then
    port=$((20000 + RANDOM % 10000))
    scripts/apache-kafka.sh start --port "$port" --data-dir "$work/kafka" >/dev/null
    export ECAP_BOOTSTRAP_SERVERS=127.0.0.1:$port
elif [ -z "${ECAP_BOOTSTRAP_SERVERS:-}" ]; then
    ecap-broker --listen 127.0.0.1:0 --data-dir "$work/broker" >"$work/broker.log" 2>&1 &
    broker=$!
    until address=$(grep -osm1 '127\.0\.0\.1:[0-9]*' "$work/broker.log"); do sleep 0.05; done
    export ECAP_BOOTSTRAP_SERVERS=$address
fi
