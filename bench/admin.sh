#!/usr/bin/env bash
# Many topics and groups: how long list-topics, plan, health-check and consumer-groups take from their start to their end, beside
# what another client takes for one metadata request and all watermarks in batches once it is connected. In one run, several
# times in turn: times on a busy machine prove nothing, look at the ratios.
#
#   bench/admin.sh                          2,000 topics with 20,000 partitions, 500 groups, on the embedded broker
#   BENCH_KAFKA=1 bench/admin.sh            500 topics with 2,000 partitions, on an Apache Kafka that is started for it
#   TOPICS=100 PARTITIONS=3 CONSUMER_GROUPS=50 ROUNDS=3 bench/admin.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${BENCH_KAFKA:-0}" = 1 ]; then topics=500 partitions=4; else topics=2000 partitions=10; fi
topics=${TOPICS:-$topics}
partitions=${PARTITIONS:-$partitions}
groups=${CONSUMER_GROUPS:-500}
rounds=${ROUNDS:-5}
export PATH="$PWD/bin:$PATH"
python=${ECAP_CACHE:-$HOME/.cache/ecap}/tools/clients/bin/python
[ -x "$python" ] || { echo "$python is missing: scripts/install-test-tools.sh services" >&2; exit 1; }

# Each partition that is on the disk has a file open.
# shellcheck disable=SC2034  # for broker.sh
in_memory=yes
# shellcheck source=bench/broker.sh
. bench/broker.sh
export ECAP_CATALOG=$work/catalog.toml
for ((topic = 0; topic < topics; topic++)); do
    printf '[[topic]]\nname = "bench-%05d"\npartitions = %d\nconfig = { "retention.ms" = 3600000, "cleanup.policy" = "delete" }\n' \
        "$topic" "$partitions"
done >"$ECAP_CATALOG"
ecap-topics apply --format json >/dev/null
"$python" bench/admin.py groups "$ECAP_BOOTSTRAP_SERVERS" "$groups"
echo "$topics topics with $((topics * partitions)) partitions, $groups groups on $ECAP_BOOTSTRAP_SERVERS"

commands=(list-topics plan health-check consumer-groups)
# A server that has just started is slow at what it does for the first time.
for command in "${commands[@]}" "${commands[@]}" "${commands[@]}"; do
    ecap-topics "$command" --quiet >/dev/null 2>&1 || true
    "$python" bench/admin.py watermarks "$ECAP_BOOTSTRAP_SERVERS" >/dev/null
done
for ((round = 0; round < rounds; round++)); do
    "$python" bench/admin.py watermarks "$ECAP_BOOTSTRAP_SERVERS" >>"$work/watermarks"
    for command in "${commands[@]}"; do
        seconds "$command" ecap-topics "$command" --quiet 2>/dev/null
    done
done
printf '%-28s %6.3f s\n' "metadata and all watermarks" "$(median watermarks)"
for command in "${commands[@]}"; do
    perl -e 'printf "%-28s %6.3f s: %.2f times as long (wanted: 3 at most)\n", @ARGV[0, 1], $ARGV[1] / $ARGV[2]' \
        "$command" "$(median "$command")" "$(median watermarks)"
done
