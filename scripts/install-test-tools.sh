#!/usr/bin/env bash
# Installs what `make check`, `make test-services` and `make bench` use beyond the Rust toolchain:
# linters, kcat, Python clients, DuckDB, Apache Kafka, Apache Spark. Quick when everything is already there.
#
# Usage: scripts/install-test-tools.sh [check|services|generator|fuzz]    (the first two without an argument)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ECAP_CACHE:-$HOME/.cache/ecap}
tools=$cache/tools

fail() {
    echo "install-test-tools: $1" >&2
    exit 1
}

# debian COMMAND PACKAGE: installs the package if the command is missing.
debian() {
    ! command -v "$1" >/dev/null || return 0
    local as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    command -v apt-get >/dev/null || fail "$1 is missing: install it with your system's package manager"
    echo "Installing $2"
    [ -n "${updated:-}" ] || $as_root apt-get update -qq
    updated=yes
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# python_tools NAME REQUIREMENTS [PIP-OPTION...]: a virtual environment with these packages.
# A copy of the list inside it says that the list was installed completely.
python_tools() {
    local venv=$tools/$1 list=$here/test-tools/$2
    ! cmp -s "$list" "$venv/installed.txt" || return 0
    echo "Installing $(grep -o '^[^=]*==[0-9.]*' "$list" | tr '\n' ' ')"
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.9 or newer"
    rm -rf "$venv"
    python3 -m venv "$venv" || fail "python3 cannot make virtual environments: install python3-venv"
    "$venv/bin/pip" install -q --disable-pip-version-check "${@:3}" -r "$list"
    cp "$list" "$venv/installed.txt"
}

# Built from upstream's own source: it judges our supply chain, so it does not come from a stranger.
cargo_deny() {
    if ! command -v cargo-deny >/dev/null && [ ! -x "$tools/bin/cargo-deny" ]; then
        cargo install cargo-deny --version 0.20.2 --locked --root "$tools"
    fi
}

fuzz_tools() {
    cargo +nightly --version >/dev/null 2>&1 || fail "a nightly toolchain is missing: rustup toolchain install nightly"
    [ -x "$tools/bin/cargo-fuzz" ] || cargo install cargo-fuzz --version 0.13.1 --locked --root "$tools"
}

check_tools() {
    debian shellcheck shellcheck
    docker compose version >/dev/null 2>&1 || debian docker-compose docker-compose
    cargo_deny
}

generator_tools() {
    python_tools generator generator.txt
}

service_tools() {
    debian kcat kcat
    debian tmux tmux
    debian /usr/lib/postgresql/*/bin/initdb postgresql
    debian /usr/bin/time time
    python_tools clients clients.txt
    python_tools duckdb duckdb.txt
    generator_tools
    python_tools tables tables.txt
    python_tools objects objects.txt
    debian java default-jre-headless
    [ -d "$cache/kafka-4.1.0/libs" ] || debian mvn maven
    "$here/apache-kafka.sh" install
    "$here/apache-spark.sh" install
}

case ${1:-all} in
check) check_tools ;;
services) service_tools ;;
generator) generator_tools ;;
fuzz) fuzz_tools ;;
all) check_tools; service_tools ;;
*) fail "unknown argument '$1': use check, services, generator or fuzz" ;;
esac
