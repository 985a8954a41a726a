#!/usr/bin/env bash
# PostgreSQL without Docker: a server of its own on 127.0.0.1, from Debian's packages.
set -euo pipefail

port=5432
data_dir=${ECAP_HOME:-.ecap}/postgres
options=()

usage() {
    cat <<USAGE
PostgreSQL without Docker: a server of its own on 127.0.0.1, without passwords, for development and tests.

Usage: scripts/postgres.sh start|stop|kill|status [OPTION...]

  start              start the server and wait until it answers; does nothing if it already runs
  stop               stop the server and wait until it is gone
  kill               end it as a crash would; the next start recovers
  status             exit 0: it answers; 4: it does not run

  --port N           where clients connect (default 5432)
  --data-dir DIR     its data, settings and log (default \$ECAP_HOME/postgres)
  -c NAME=VALUE      start: a setting of the server; repeatable

Its superuser is ecap, its database postgres: psql -h 127.0.0.1 -U ecap postgres
A server does not run as root: there it runs as the user postgres, which Debian's package makes.

Example: scripts/postgres.sh start --port 5433
USAGE
}

fail() {
    echo "postgres: $1" >&2
    exit "${2:-1}"
}

# Newest first.
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -rV | head -n 1)

as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid postgres --regid postgres --clear-groups "$@"
    else
        "$@"
    fi
}

running() {
    as_server "$bin/pg_ctl" status -D "$data_dir/data" >/dev/null 2>&1
}

start() {
    local setting given=()
    if running; then
        echo "PostgreSQL already runs on $data_dir"
        return
    fi
    if [ ! -f "$data_dir/data/PG_VERSION" ]; then
        [ "$(id -u)" -ne 0 ] || chown postgres "$data_dir"
        as_server "$bin/initdb" -A trust -U ecap -N -D "$data_dir/data" >/dev/null
    fi
    for setting in listen_addresses=127.0.0.1 "port=$port" "unix_socket_directories=$data_dir" "${options[@]}"; do
        given+=("-c $setting")
    done
    as_server "$bin/pg_ctl" start -w -s -D "$data_dir/data" -l "$data_dir/log" -o "${given[*]}" ||
        { tail -n 5 "$data_dir/log" >&2; fail "it did not start: the whole log is $data_dir/log"; }
    echo "PostgreSQL answers on 127.0.0.1:$port ($data_dir)"
}

stop() {
    running || { echo "PostgreSQL does not run on $data_dir"; return 0; }
    as_server "$bin/pg_ctl" stop -w -s -m fast -D "$data_dir/data"
    echo "PostgreSQL stopped"
}

kill_server() {
    running || return 0
    as_server "$bin/pg_ctl" stop -w -s -m immediate -D "$data_dir/data"
}

status() {
    running || fail "not running on $data_dir: start it with scripts/postgres.sh start" 4
    echo "PostgreSQL runs on $data_dir"
}

command=${1:-}
[ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
    [ "$1" != --help ] || { usage; exit; }
    [ $# -ge 2 ] || fail "$1 needs a value, or is no option: see scripts/postgres.sh --help" 2
    case $1 in
    --port) port=$2 ;;
    --data-dir) data_dir=$2 ;;
    -c) options+=("$2") ;;
    *) fail "unknown option '$1': see scripts/postgres.sh --help" 2 ;;
    esac
    shift 2
done

case $command in
start | stop | kill | status)
    [ -n "$bin" ] || fail "PostgreSQL is missing: scripts/install-test-tools.sh services"
    mkdir -p "$data_dir"
    data_dir=$(cd "$data_dir" && pwd)
    [ "$command" != kill ] || command=kill_server
    "$command"
    ;;
--help | -h | help) usage ;;
*) usage >&2; exit 2 ;;
esac
