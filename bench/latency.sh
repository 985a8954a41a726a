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

# shellcheck source=bench/broker.sh
. bench/broker.sh
scripts/apache-kafka.sh install >/dev/null
export KAFKA_HOME=$cache/kafka-4.1.0
ecap-topics create-topics customer-transactions >/dev/null 2>&1
"$python" bench/latency.py
