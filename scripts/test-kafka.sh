#!/usr/bin/env bash
# Runs the integration tests on a real Apache Kafka of its own: a free port, a folder of its own,
# stopped afterwards whatever happened.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
data_dir=$(mktemp -d)
trap 'scripts/apache-kafka.sh stop --data-dir "$data_dir"; rm -rf "$data_dir"' EXIT

is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range from which the system gives ports to clients.
port=$((20000 + RANDOM % 10000))
until is_free "$port" && is_free $((port + 1)); do
    port=$((20000 + RANDOM % 10000))
done

scripts/apache-kafka.sh start --port "$port" --data-dir "$data_dir"
# Tests about the embedded broker itself, and those without a broker, have nothing to say here.
skipped=(broker:: engine:: golden:: sinks:: sinks_exec:: services::tables services::postgres services::duckdb:: services::generator:: services::prometheus:: services::spark:: services::flink:: services::nodes services::security services::kafka_faults services::kafka_rights services::page services::soak)
ECAP_TEST_KAFKA=127.0.0.1:$port cargo test --test integration -- "${skipped[@]/#/--skip=}" "$@"
