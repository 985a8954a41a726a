#!/usr/bin/env bash
# Installs what `make check`, `make test-services` and `make bench` use beyond the Rust toolchain:
# linters, kcat, Python clients, DuckDB, Chromium, Apache Kafka, Apache Spark, Prometheus. Quick when everything is already there.
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

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

# Package lists are fetched once.
update() {
    [ -n "${updated:-}" ] || $as_root apt-get update -qq
    updated=yes
}

# debian COMMAND PACKAGE: installs the package if the command is missing.
debian() {
    ! command -v "$1" >/dev/null || return 0
    command -v apt-get >/dev/null || fail "$1 is missing: install it with your system's package manager"
    echo "Installing $2"
    update
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

# Prometheus without its service: the programs of Debian's package, unpacked.
prometheus() {
    [ ! -x "$tools/prometheus/usr/bin/promtool" ] || return 0
    command -v apt-get >/dev/null || fail "Prometheus is missing: it is taken from Debian's package"
    echo "Installing Prometheus"
    local folder
    folder=$(mktemp -d)
    update
    (cd "$folder" && apt-get download -qq prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb unpacked) ||
        fail "Debian's package prometheus could not be got"
    rm -rf "$tools/prometheus" && mkdir -p "$tools"
    mv "$folder/unpacked" "$tools/prometheus"
    rm -rf "$folder"
}

# The JMX exporter for Kafka's metrics, and Grafana's types of dashboards with a compiler that checks them.
monitoring_tools() {
    prometheus
    local types=$tools/grafana jars=$tools/jmx-exporter
    if [ ! -d "$jars" ]; then
        mvn -q -B -f "$here/../monitoring/jmx-exporter/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars.part"
        mv "$jars.part" "$jars"
    fi
    ! cmp -s "$here/test-tools/grafana.json" "$types/installed.json" || return 0
    echo "Installing Grafana's types"
    debian npm npm
    rm -rf "$types" && mkdir -p "$types"
    cp "$here/test-tools/grafana.json" "$types/package.json"
    npm install --prefix "$types" --no-package-lock --ignore-scripts --no-audit --no-fund --silent
    cp "$here/test-tools/grafana.json" "$types/installed.json"
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
    debian chromium chromium
    debian chromedriver chromium-driver
    # The list is whole: of the package that brings axe-core, only its script is used, and not the browsers' driver it asks for.
    python_tools page page.txt --no-deps
    debian java default-jre-headless
    for jars in "$cache/kafka-4.1.0/libs" "$tools/jmx-exporter"; do
        [ -d "$jars" ] || debian mvn maven
    done
    "$here/apache-kafka.sh" install
    monitoring_tools
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
