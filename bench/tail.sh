#!/usr/bin/env bash
# Reads a topic to its end: ecap-topics tail beside kcat, in one run, several times in turn. Times on a busy machine prove
# nothing: look at the ratios. What both give is compared record by record before anything is measured.
#
#   bench/tail.sh                           on the embedded broker, 2,000,000 transactions
#   BENCH_KAFKA=1 bench/tail.sh             on an Apache Kafka that is started for it and stopped afterwards
#   RECORDS=300000 ROUNDS=3 bench/tail.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-2000000}
rounds=${ROUNDS:-5}
export PATH="$PWD/bin:$PATH"

# shellcheck source=bench/broker.sh
. bench/broker.sh
begin_topic
load "$records"
kcat=(kcat -q -b "$ECAP_BOOTSTRAP_SERVERS" -C -t transactions -o beginning -e)
tail=(ecap-topics tail transactions --from beginning)

# Partitions come in any order, each partition's records in their own.
form='%p %o %T %k %s\n'
by_partition() { sort -s -n -k1,1 -k2,2 | md5sum; }
theirs=$("${kcat[@]}" -f "$form" | by_partition)
ours=$("${tail[@]}" --print "$form" | by_partition)
[ "$theirs" = "$ours" ] || { echo "tail and kcat do not give the same records" >&2; exit 1; }
echo "$records transactions on $ECAP_BOOTSTRAP_SERVERS: tail and kcat give the same records"

for ((round = 0; round < rounds; round++)); do
    seconds kcat "${kcat[@]}"
    seconds raw "${tail[@]}" --raw
    seconds kcat-json "${kcat[@]}" -J
    seconds json "${tail[@]}" --format json
    seconds pretty "${tail[@]}"
done
for pair in "raw kcat" "json kcat-json" "pretty kcat"; do
    read -r own other <<<"$pair"
    perl -e 'printf "%-8s %6.2f s, %-9s %6.2f s: %.2f times its time\n", @ARGV, $ARGV[1] / $ARGV[3]' \
        "$own" "$(median "$own")" "$other" "$(median "$other")"
done
