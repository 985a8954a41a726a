#!/usr/bin/env bash
# How long a record takes through the continuous trigger, on the embedded broker or another one.
#
#   make bench-latency                              100,000 records at 5,000 a second
#   ECAP_BOOTSTRAP_SERVERS=host:port KAFKA_HOME=… make bench-latency      beside Kafka's own end-to-end tool
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
    [ -z "$broker" ] || kill "$broker" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

if [ -z "${ECAP_BOOTSTRAP_SERVERS:-}" ]; then
    ecap-broker --listen 127.0.0.1:0 --data-dir "$work/broker" >"$work/broker.log" 2>&1 &
    broker=$!
    until address=$(grep -om1 '127\.0\.0\.1:[0-9]*' "$work/broker.log"); do sleep 0.05; done
    export ECAP_BOOTSTRAP_SERVERS=$address
fi
ecap-topics create-topics customer-transactions >/dev/null 2>&1
"$python" bench/latency.py
