#!/usr/bin/env bash
# How long a record takes through the continuous trigger, beside a plain consumer and Kafka's own end-to-end tool.
#
#   make bench-latency                          100,000 records at 5,000 a second, on the embedded broker
#   BENCH_KAFKA=1 make bench-latency            on an Apache Kafka that is started for it and stopped afterwards
#   ECAP_BOOTSTRAP_SERVERS=host:port make bench-latency     on another broker
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/bin:$PATH"
cache=${ECAP_CACHE:-$HOME/.cache/ecap}
python=$cache/tools/clients/bin/python
[ -x "$python" ] || { echo "confluent-kafka is missing: scripts/install-test-tools.sh services" >&2; exit 1; }

mkdir -p .ecap
work=$(mktemp -d "$PWD/.ecap/latency.XXXXXX")
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
    until address=$(grep -om1 '127\.0\.0\.1:[0-9]*' "$work/broker.log"); do sleep 0.05; done
    export ECAP_BOOTSTRAP_SERVERS=$address
fi
scripts/apache-kafka.sh install >/dev/null
export KAFKA_HOME=$cache/kafka-4.1.0
ecap-topics create-topics customer-transactions >/dev/null 2>&1
"$python" bench/latency.py
