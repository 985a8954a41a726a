#!/usr/bin/env bash
# Runs a class of Apache Kafka with the jars beside this folder: run-class.sh CLASS [ARGUMENT...]
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Short-lived tools spend their time starting: the small compiler and collector start sooner.
# shellcheck disable=SC2086  # the two variables hold several options each, as in Kafka's own scripts
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC} \
    -Djava.awt.headless=true -Dlog4j2.configurationFile="$home/config/log4j2.properties" \
    ${KAFKA_OPTS:-} -cp "$home/libs/*" "$@"
