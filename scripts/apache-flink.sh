#!/usr/bin/env bash
# Apache Flink for Python with its connector to Kafka, in a virtual environment of its own: bench/run.sh
# measures it. From PyPI and Maven Central.
#
# Usage: scripts/apache-flink.sh install
set -euo pipefail

version=2.0.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${ECAP_CACHE:-$HOME/.cache/ecap}/flink-$version

fail() {
    echo "apache-flink: $1" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing: install $2"
}

# A Python that this version has packages for.
python() {
    local candidate
    for candidate in python3 python3.11 python3.10 python3.9; do
        case $("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) in
        3.9 | 3.10 | 3.11) command -v "$candidate"; return ;;
        esac
    done
    fail "Flink $version needs Python 3.9, 3.10 or 3.11: install one of them"
}

# The file inside it says that it was installed completely.
install_flink() {
    [ ! -f "$home/installed" ] || return 0
    need java "a Java runtime, 11 or newer"
    need mvn "Maven"
    local python
    python=$(python)
    echo "Getting Apache Flink $version into $home"
    rm -rf "$home"
    "$python" -m venv "$home" || fail "$python cannot make virtual environments: install python3-venv"
    "$home/bin/pip" install -q --disable-pip-version-check "apache-flink==$version"
    mvn -q -B -f "$here/flink/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$home/connector" >"$home/maven.log" 2>&1 ||
        fail "Maven could not get the connector: $(grep -m 1 ERROR "$home/maven.log")"
    touch "$home/installed"
}

case ${1:-} in
install) install_flink; echo "Apache Flink $version is in $home" ;;
*) fail "say install" ;;
esac
