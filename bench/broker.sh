# For the other scripts here to source: a folder for the run in $work, and a broker in ECAP_BOOTSTRAP_SERVERS: the one that is
# given, with BENCH_KAFKA=1 an Apache Kafka, else the embedded one, in memory where in_memory is set. What is started here ends
# with the script.
# shellcheck shell=bash

for tool in ecap-broker kcat perl /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: make build, scripts/install-test-tools.sh services" >&2; exit 1; }
done

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
    storage=(--data-dir "$work/broker")
    [ -z "${in_memory:-}" ] || storage=(--memory)
    ecap-broker --listen 127.0.0.1:0 "${storage[@]}" >"$work/broker.log" 2>&1 &
    broker=$!
    until address=$(grep -osm1 '127\.0\.0\.1:[0-9]*' "$work/broker.log"); do sleep 0.05; done
    export ECAP_BOOTSTRAP_SERVERS=$address
fi

# Another broker may have the topic from a run before.
begin_topic() {
    ecap-topics delete-topic transactions --yes >/dev/null 2>&1 || true
    ecap-topics create-topics transactions >/dev/null 2>&1
    rows=0
}
# The next records of one endless world into the topic: so many as $1 says, made with the options behind it.
load() {
    local records=$1
    shift
    ecap-gen transactions -n "$records" --from-row "$rows" --event-rate 800 --traffic flat --start 2026-01-01T00:00:00Z \
        -o - "$@" 2>/dev/null |
        perl -ne '/"user_id":"([^"]+)"/ && print "$1\t$_"' |
        kcat -P -b "$ECAP_BOOTSTRAP_SERVERS" -t transactions -K '\t' -z lz4 -X linger.ms=50 \
            -X batch.size=1000000 -X batch.num.messages=10000 -X partitioner=murmur2_random
    rows=$((rows + records))
}

# seconds NAME COMMAND...: runs it to /dev/null and notes how long it took.
seconds() {
    perl -MTime::HiRes=time -e '
        my ($file, @command) = @ARGV;
        my $began = time;
        open(STDOUT, ">", "/dev/null");
        system(@command) == 0 or die "@command failed\n";
        open(my $notes, ">>", $file) or die;
        printf $notes "%.3f\n", time - $began;' "$work/$1" "${@:2}"
}
# The median of what was noted under a name.
median() { sort -n "$work/$1" | perl -e '@all = <>; print $all[$#all / 2]'; }
