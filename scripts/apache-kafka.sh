#!/usr/bin/env bash
# Apache Kafka without Docker: KRaft nodes on 127.0.0.1, from Maven Central.
set -euo pipefail

version=4.1.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${ECAP_CACHE:-$HOME/.cache/ecap}/kafka-$version
port=9092
topic=
nodes=1
secured=
jmx_port=
data_dir=${ECAP_HOME:-.ecap}/apache-kafka

usage() {
    cat <<USAGE
Apache Kafka $version without Docker: KRaft nodes on 127.0.0.1, one without further options.

Usage: scripts/apache-kafka.sh install|start|stop|status [OPTION...]

  install            get the server and its tools into $home
  start              start the nodes and wait until they answer; does nothing if they already run
  stop               stop the nodes and wait until they are gone
  status             exit 0: it answers; 3: it runs and does not answer; 4: it does not run

  --port N           where clients connect (default 9092); the controller listens on N + 1, the next node on N + 2
  --nodes N          start: so many nodes, with three copies of Kafka's own topics (default 1)
  --secured yes      start: TLS, SASL SCRAM-SHA-256 and access rights; the users are admin, who may do anything, and
                     guest, who may do nothing. DIR/secrets has a settings file for each: --kafka-config
  --jmx-port N       start: let programs of this machine read Kafka's metrics here, by JMX; the next node on N + 1
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
tools='kafka-acls org.apache.kafka.tools.AclCommand
kafka-broker-api-versions org.apache.kafka.tools.BrokerApiVersionsCommand
kafka-client-metrics org.apache.kafka.tools.ClientMetricsCommand
kafka-cluster org.apache.kafka.tools.ClusterTool
kafka-configs kafka.admin.ConfigCommand
kafka-console-consumer org.apache.kafka.tools.consumer.ConsoleConsumer
kafka-console-producer org.apache.kafka.tools.ConsoleProducer
kafka-consumer-groups org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
kafka-consumer-perf-test org.apache.kafka.tools.ConsumerPerformance
kafka-delete-records org.apache.kafka.tools.DeleteRecordsCommand
kafka-features org.apache.kafka.tools.FeatureCommand
kafka-get-offsets org.apache.kafka.tools.GetOffsetShell
kafka-groups org.apache.kafka.tools.GroupsCommand
kafka-leader-election org.apache.kafka.tools.LeaderElectionCommand
kafka-log-dirs org.apache.kafka.tools.LogDirsCommand
kafka-metadata-quorum org.apache.kafka.tools.MetadataQuorumCommand
kafka-producer-perf-test org.apache.kafka.tools.ProducerPerformance
kafka-reassign-partitions org.apache.kafka.tools.reassign.ReassignPartitionsCommand
kafka-share-groups org.apache.kafka.tools.consumer.group.ShareGroupCommand
kafka-storage kafka.tools.StorageTool
kafka-streams-groups org.apache.kafka.tools.streams.StreamsGroupCommand
kafka-topics org.apache.kafka.tools.TopicCommand
kafka-transactions org.apache.kafka.tools.TransactionsCommand'

# A program from standard input, in one step: another start may be running it.
install_tool() {
    cat >"$1.$$" && chmod 755 "$1.$$" && mv "$1.$$" "$1"
}

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
    install_tool "$home/bin/kafka-run-class.sh" <"$here/kafka/run-class.sh"
    while read -r name class; do
        # shellcheck disable=SC2016  # expanded when the wrapper runs
        printf '#!/usr/bin/env bash\nexec "$(dirname "${BASH_SOURCE[0]}")/kafka-run-class.sh" %s "$@"\n' \
            "$class" | install_tool "$home/bin/$name.sh"
    done <<<"$tools"
}

# The folder of a node, by its number.
folder_of() {
    if [ "$nodes" -eq 1 ]; then echo "$data_dir"; else echo "$data_dir/node-$1"; fi
}

write_settings() {
    local node=$1 folder=$2 listener=PLAINTEXT controller=PLAINTEXT copies=1 voters=() other
    local own=$((port + 2 * (node - 1)))
    [ -z "$secured" ] || { listener=SASL_SSL && controller=SSL; }
    [ "$nodes" -lt 3 ] || copies=3
    for ((other = 1; other <= nodes; other++)); do
        voters+=("$other@127.0.0.1:$((port + 2 * other - 1))")
    done
    cat >"$folder/server.properties" <<SETTINGS
process.roles=broker,controller
node.id=$node
listeners=$listener://127.0.0.1:$own,CONTROLLER://127.0.0.1:$((own + 1))
advertised.listeners=$listener://127.0.0.1:$own,CONTROLLER://127.0.0.1:$((own + 1))
controller.listener.names=CONTROLLER
inter.broker.listener.name=$listener
controller.quorum.voters=$(IFS=, && echo "${voters[*]}")
listener.security.protocol.map=$listener:$listener,CONTROLLER:$controller
log.dirs=$folder/data
num.partitions=3
log.retention.hours=24
default.replication.factor=1
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
SETTINGS
    [ -z "$secured" ] || write_security >>"$folder/server.properties"
}

# Nodes know each other by certificate, clients are known by name and password.
write_security() {
    cat <<SETTINGS
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN=node;User:admin
ssl.keystore.type=PEM
ssl.keystore.location=$data_dir/secrets/node.pem
ssl.truststore.type=PEM
ssl.truststore.location=$data_dir/secrets/ca.pem
ssl.client.auth=none
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
    required username="admin" password="$(cat "$data_dir/secrets/admin.password")";
SETTINGS
}

# A password for each user, an authority, and a certificate of the nodes.
make_secrets() {
    local user password secrets=$data_dir/secrets
    [ ! -f "$secrets/guest.properties" ] || return 0
    need openssl "OpenSSL"
    (umask 077 && mkdir -p "$secrets")
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=ecap-authority \
        -keyout "$secrets/ca.key" -out "$secrets/ca.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=node -keyout "$secrets/node.key" -out "$secrets/node.csr" 2>/dev/null
    openssl x509 -req -days 3650 -in "$secrets/node.csr" -CA "$secrets/ca.pem" -CAkey "$secrets/ca.key" \
        -CAcreateserial -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") -out "$secrets/node.crt" 2>/dev/null
    cat "$secrets/node.key" "$secrets/node.crt" "$secrets/ca.pem" >"$secrets/node.pem"
    for user in admin guest; do
        password=$(head -c 18 /dev/urandom | base64 | tr '+/' 'ab')
        printf '%s' "$password" >"$secrets/$user.password"
        cat >"$secrets/$user.properties" <<SETTINGS
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-256
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="$user" password="$password";
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/ca.pem
SETTINGS
    done
}

# The process id of the node in this folder; fails when none runs.
running() {
    local pid
    pid=$(cat "$1/kafka.pid" 2>/dev/null) || return 1
    # A number left by a crash may belong to another process by now.
    ps -p "$pid" -o args= 2>/dev/null | grep -qF "$1/server.properties" || return 1
    echo "$pid"
}

# The folders of the nodes that run.
those_running() {
    local folder
    for folder in "$data_dir" "$data_dir"/node-*; do
        ! running "$folder" >/dev/null || echo "$folder"
    done
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

port_of_running() {
    sed -n 's/^listeners=[A-Z_]*:\/\/127.0.0.1:\([0-9]*\),.*/\1/p' "$1/server.properties"
}

wait_until_started() {
    local folder=$1 own=$2 began=$SECONDS pid
    pid=$(cat "$folder/kafka.pid")
    until grep -q 'Kafka Server started' "$folder/kafka.log" && answers "$own"; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS - began > 90)); then
            stop >/dev/null
            tail -n 15 "$folder/kafka.log" >&2
            fail "it did not start: the whole log is $folder/kafka.log"
        fi
        sleep 0.1
    done
}

# Sixteen random bytes in URL-safe base64, as Kafka's own random-uuid prints, without starting a JVM.
new_cluster_id() {
    head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22
}

# On this machine alone: whoever reaches it may do anything.
jmx_options() {
    local own=-Dcom.sun.management.jmxremote
    echo "$own.host=127.0.0.1 -Djava.rmi.server.hostname=127.0.0.1 $own.port=$1 $own.rmi.port=$1" \
        "$own.authenticate=false $own.ssl=false"
}

start_node() {
    local node=$1 folder=$2 own=$((port + 2 * ($1 - 1))) users=() user options=-Decap.log.level=INFO
    ! answers "$own" || fail "port $own is in use: stop what listens there, or choose another with --port"
    ! answers $((own + 1)) || fail "port $((own + 1)), for the controller, is in use: choose another --port"
    mkdir -p "$folder"
    write_settings "$node" "$folder"
    if [ ! -f "$folder/data/meta.properties" ]; then
        if [ -n "$secured" ]; then
            for user in admin guest; do
                users+=(--add-scram "SCRAM-SHA-256=[name=$user,password=$(cat "$data_dir/secrets/$user.password")]")
            done
        fi
        "$home/bin/kafka-storage.sh" format --cluster-id "$cluster_id" "${users[@]}" \
            --config "$folder/server.properties" >"$folder/format.log" 2>&1 ||
            fail "could not format $folder/data: $(tail -n 1 "$folder/format.log")"
    fi
    [ -z "$jmx_port" ] || options="$options $(jmx_options $((jmx_port + node - 1)))"
    KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms256m -Xmx1g} KAFKA_OPTS="$options ${KAFKA_OPTS:-}" \
        KAFKA_JVM_PERFORMANCE_OPTS=${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC} \
        nohup "$home/bin/kafka-run-class.sh" kafka.Kafka "$folder/server.properties" \
        >"$folder/kafka.log" 2>&1 </dev/null &
    echo $! >"$folder/kafka.pid"
}

start_nodes() {
    local node
    cluster_id=$(new_cluster_id)
    [ -z "$secured" ] || make_secrets
    for ((node = 1; node <= nodes; node++)); do
        start_node "$node" "$(folder_of "$node")"
    done
    for ((node = 1; node <= nodes; node++)); do
        wait_until_started "$(folder_of "$node")" $((port + 2 * (node - 1)))
    done
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
    local first
    first=$(those_running | head -n 1)
    if [ -n "$first" ]; then
        port=$(port_of_running "$first")
        echo "Apache Kafka $version already runs on 127.0.0.1:$port (process $(running "$first"))"
    else
        install_kafka
        SECONDS=0
        start_nodes
        first=$(folder_of 1)
        echo "Apache Kafka $version answers on 127.0.0.1:$port after $SECONDS s (process $(running "$first"), $data_dir)"
    fi
    [ -z "$topic" ] || create_topic
}

stop() {
    local pid folder folders
    mapfile -t folders < <(those_running)
    ((${#folders[@]} > 0)) || { echo "Apache Kafka does not run on $data_dir"; return 0; }
    SECONDS=0
    # All at once: a node that goes alone waits for the others to take over.
    for folder in "${folders[@]}"; do
        kill "$(cat "$folder/kafka.pid")"
    done
    for folder in "${folders[@]}"; do
        pid=$(cat "$folder/kafka.pid")
        while kill -0 "$pid" 2>/dev/null; do
            # A controlled shutdown takes a second or two.
            ((SECONDS < 60)) || { echo "apache-kafka: no end after 60 s, killing it" >&2; kill -9 "$pid"; break; }
            sleep 0.1
        done
        rm -f "$folder/kafka.pid"
    done
    echo "Apache Kafka stopped after $SECONDS s"
}

status() {
    local folder folders
    mapfile -t folders < <(those_running)
    ((${#folders[@]} > 0)) || fail "not running on $data_dir: start it with scripts/apache-kafka.sh start" 4
    for folder in "${folders[@]}"; do
        port=$(port_of_running "$folder")
        answers "$port" || fail "process $(running "$folder") runs and does not answer on 127.0.0.1:$port: see $folder/kafka.log" 3
        echo "Apache Kafka $version answers on 127.0.0.1:$port (process $(running "$folder"), $folder)"
    done
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
    --nodes) nodes=$2 ;;
    --secured) secured=$2 ;;
    --jmx-port) jmx_port=$2 ;;
    *) fail "unknown option '$1': see scripts/apache-kafka.sh --help" 2 ;;
    esac
    shift 2
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((port < 1 || port > 65534)); then
    fail "'$port' is not a port" 2
fi

[[ $jmx_port =~ ^[0-9]{0,5}$ ]] || fail "'$jmx_port' is not a port" 2
[[ $nodes =~ ^[1-9]$ ]] || fail "'$nodes' is not a number of nodes from 1 to 9" 2
case $secured in
yes | "") ;;
no) secured= ;;
*) fail "--secured is yes or no" 2 ;;
esac

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
