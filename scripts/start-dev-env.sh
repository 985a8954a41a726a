#!/usr/bin/env bash
# Starts a broker on localhost:9092 and creates the topics: the compose stack where Docker runs,
# the embedded broker in the background where it does not. `scripts/start-dev-env.sh stop` ends it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/bin:$PATH"
home=${ECAP_HOME:-.ecap}
pid_file=$home/ecap-broker.pid
log=$home/ecap-broker.log

fail() {
    echo "start-dev-env: $1" >&2
    exit 1
}

docker_runs() {
    docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# The process id of our broker; a number left by a crash may belong to another process by now.
running() {
    local pid
    pid=$(cat "$pid_file" 2>/dev/null) && ps -p "$pid" -o args= 2>/dev/null | grep -q ecap-broker && echo "$pid"
}

answers() {
    (exec 3<>/dev/tcp/127.0.0.1/9092) 2>/dev/null
}

start_embedded() {
    local pid
    if pid=$(running); then
        echo "The embedded broker already runs on localhost:9092 (process $pid)"
        return
    fi
    ! answers || fail "port 9092 is in use: stop what listens there first"
    mkdir -p "$home"
    nohup ecap-broker --data-dir "$home/broker" >"$log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$pid_file"
    until answers; do
        kill -0 "$pid" 2>/dev/null || fail "the embedded broker did not start: $(tail -n 1 "$log")"
        sleep 0.05
    done
    echo "The embedded broker answers on localhost:9092 (process $pid, log $log)"
}

stop_embedded() {
    local pid
    pid=$(running) || { echo "The embedded broker does not run"; return 0; }
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$pid_file"
    echo "The embedded broker stopped"
}

command -v ecap-topics >/dev/null || fail "the binaries are missing: run 'make build' first"
case ${1:-start} in
start)
    if docker_runs; then
        docker compose up -d --wait
    else
        start_embedded
    fi
    ecap-topics create-topics
    ;;
stop)
    if docker_runs; then docker compose --profile '*' down; fi
    stop_embedded
    ;;
*) fail "unknown argument '$1': use start or stop" ;;
esac
