#!/usr/bin/env bash
# Apache Kafka without Docker: one KRaft node on 127.0.0.1, from Maven Central.
set -euo pipefail

version=4.1.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${ECAP_CACHE:-$HOME/.cache/ecap}/kafka-$version
port=9092
topic=
data_dir=${ECAP_HOME:-.ecap}/apache-kafka

usage() {
    cat <<USAGE
Apache Kafka $version without Docker: one KRaft node on 127.0.0.1.

Usage: scripts/apache-kafka.sh install|start|stop|status [OPTION...]

  install            get the server and its tools into $home
  start              start the node and wait until it answers; does nothing if it already runs
  stop               stop the node and wait until it is gone
  status             exit 0: it answers; 3: it runs and does not answer; 4: it does not run

  --port N           where clients connect (default 9092); the controller listens on N + 1
  --data-dir DIR     its data, settings, log and process id (default \$ECAP_HOME/apache-kafka)
  --topic-name T     start: create this topic too, if it is missing

Kafka's own tools are then in $home/bin, and
ecap-topics kafka-cli finds them with KAFKA_HOME=$home

Example: scripts/apache-kafka.sh start --topic-name customer-transactions
USAGE
}

fail() {
    echo "apache-kafka: $1" >&2
    exit "${2:-1}"
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing: install $2"
}

# Name of a wrapper in bin/, and the class it runs.
tools='kafka-topics org.apache.kafka.tools.TopicCommand
kafka-configs kafka.admin.ConfigCommand
kafka-consumer-groups org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
kafka-console-producer org.apache.kafka.tools.ConsoleProducer
kafka-console-consumer org.apache.kafka.tools.consumer.ConsoleConsumer
kafka-producer-perf-test org.apache.kafka.tools.ProducerPerformance
kafka-consumer-perf-test org.apache.kafka.tools.ConsumerPerformance
kafka-get-offsets org.apache.kafka.tools.GetOffsetShell
kafka-delete-records org.apache.kafka.tools.DeleteRecordsCommand
kafka-transactions org.apache.kafka.tools.TransactionsCommand
kafka-storage kafka.tools.StorageTool'

install_kafka() {
    need java "a Java runtime, 17 or newer"
    if [ ! -d "$home/libs" ]; then
        need mvn "Maven"
        echo "Getting Apache Kafka $version into $home"
        mkdir -p "$home"
        # Whole or not at all: a run that was interrupted leaves no half-filled libs folder.
        rm -rf "$home/libs.part"
        mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$home/libs.part" >"$home/maven.log" 2>&1 ||
            fail "Maven could not get it: $(grep -m 1 ERROR "$home/maven.log")"
        mv "$home/libs.part" "$home/libs"
    fi
    mkdir -p "$home/bin" "$home/config"
    cp "$here/kafka/log4j2.properties" "$home/config/"
    install -m 755 "$here/kafka/run-class.sh" "$home/bin/kafka-run-class.sh"
    while read -r name class; do
        # shellcheck disable=SC2016  # expanded when the wrapper runs
        printf '#!/usr/bin/env bash\nexec "$(dirname "${BASH_SOURCE[0]}")/kafka-run-class.sh" %s "$@"\n' \
            "$class" >"$home/bin/$name.sh"
        chmod 755 "$home/bin/$name.sh"
    done <<<"$tools"
}

write_settings() {
    cat >"$data_dir/server.properties" <<SETTINGS
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data_dir/data
num.partitions=3
log.retention.hours=24
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
SETTINGS
}

# The process id of the node on this data folder; fails when none runs.
running() {
    local pid
    pid=$(cat "$data_dir/kafka.pid" 2>/dev/null) || return 1
    # A number left by a crash may belong to another process by now.
    ps -p "$pid" -o args= 2>/dev/null | grep -qF "$data_dir/server.properties" || return 1
    echo "$pid"
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

port_of_running() {
    sed -n 's/^listeners=PLAINTEXT:\/\/127.0.0.1:\([0-9]*\),.*/\1/p' "$data_dir/server.properties"
}

wait_until_started() {
    local pid=$1 began=$SECONDS
    until grep -q 'Kafka Server started' "$data_dir/kafka.log" && answers "$port"; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS - began > 90)); then
            kill "$pid" 2>/dev/null || true
            tail -n 15 "$data_dir/kafka.log" >&2
            fail "it did not start: the whole log is $data_dir/kafka.log"
        fi
        sleep 0.1
    done
}

# Sixteen random bytes in URL-safe base64, as Kafka's own random-uuid prints, without starting a JVM.
new_cluster_id() {
    head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22
}

start_node() {
    ! answers "$port" || fail "port $port is in use: stop what listens there, or choose another with --port"
    ! answers $((port + 1)) || fail "port $((port + 1)), for the controller, is in use: choose another --port"
    write_settings
    if [ ! -f "$data_dir/data/meta.properties" ]; then
        "$home/bin/kafka-storage.sh" format --cluster-id "$(new_cluster_id)" \
            --config "$data_dir/server.properties" >"$data_dir/format.log" 2>&1 ||
            fail "could not format $data_dir/data: $(tail -n 1 "$data_dir/format.log")"
    fi
    KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms256m -Xmx1g} KAFKA_OPTS="-Decap.log.level=INFO ${KAFKA_OPTS:-}" \
        KAFKA_JVM_PERFORMANCE_OPTS=${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC} \
        nohup "$home/bin/kafka-run-class.sh" kafka.Kafka "$data_dir/server.properties" \
        >"$data_dir/kafka.log" 2>&1 </dev/null &
    echo $! >"$data_dir/kafka.pid"
    wait_until_started $!
}

create_topic() {
    # The catalog knows the settings of its topics; another topic gets the broker's defaults.
    if [ -x "$here/../bin/ecap-topics" ] &&
        "$here/../bin/ecap-topics" create-topics "$topic" --bootstrap-servers "127.0.0.1:$port"; then
        return
    fi
    "$home/bin/kafka-topics.sh" --bootstrap-server "127.0.0.1:$port" --create --if-not-exists --topic "$topic"
}

start() {
    local pid
    if pid=$(running); then
        port=$(port_of_running)
        echo "Apache Kafka $version already runs on 127.0.0.1:$port (process $pid)"
    else
        install_kafka
        SECONDS=0
        start_node
        echo "Apache Kafka $version answers on 127.0.0.1:$port after $SECONDS s (process $(running), $data_dir)"
    fi
    [ -z "$topic" ] || create_topic
}

stop() {
    local pid
    pid=$(running) || { echo "Apache Kafka does not run on $data_dir"; return 0; }
    SECONDS=0
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do
        # A controlled shutdown takes a second or two.
        ((SECONDS < 60)) || { echo "apache-kafka: no end after 60 s, killing it" >&2; kill -9 "$pid"; break; }
        sleep 0.1
    done
    rm -f "$data_dir/kafka.pid"
    echo "Apache Kafka stopped after $SECONDS s"
}

status() {
    local pid
    pid=$(running) || fail "not running on $data_dir: start it with scripts/apache-kafka.sh start" 4
    port=$(port_of_running)
    answers "$port" || fail "process $pid runs and does not answer on 127.0.0.1:$port: see $data_dir/kafka.log" 3
    echo "Apache Kafka $version answers on 127.0.0.1:$port (process $pid, $data_dir)"
}

command=${1:-}
[ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
    [ "$1" != --help ] || { usage; exit; }
    [ $# -ge 2 ] || fail "$1 needs a value, or is no option: see scripts/apache-kafka.sh --help" 2
    case $1 in
    --port) port=$2 ;;
    --data-dir) data_dir=$2 ;;
    --topic-name) topic=$2 ;;
    *) fail "unknown option '$1': see scripts/apache-kafka.sh --help" 2 ;;
    esac
    shift 2
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((port < 1 || port > 65534)); then
    fail "'$port' is not a port" 2
fi

case $command in
install) install_kafka; echo "Apache Kafka $version is in $home" ;;
start | stop | status)
    mkdir -p "$data_dir"
    data_dir=$(cd "$data_dir" && pwd)
    "$command"
    ;;
--help | -h | help) usage ;;
*) usage >&2; exit 2 ;;
esac
