#!/usr/bin/env bash
# Apache Spark for Python, in a virtual environment of its own: it judges the golden pipelines.
#
# Usage: scripts/apache-spark.sh install
set -euo pipefail

version=4.0.0
home=${ECAP_CACHE:-$HOME/.cache/ecap}/spark-$version

fail() {
    echo "apache-spark: $1" >&2
    exit 1
}

# Spark 4 needs Java 17 or newer.
java_runtime() {
    ! command -v java >/dev/null || return 0
    command -v apt-get >/dev/null || fail "java is missing: install a Java runtime, 17 or newer"
    local as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    echo "Installing openjdk-17-jre-headless"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
        openjdk-17-jre-headless >/dev/null
}

# The file inside it says that it was installed completely.
install_spark() {
    java_runtime
    [ ! -f "$home/installed" ] || return 0
    echo "Getting Apache Spark $version into $home"
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.9 or newer"
    rm -rf "$home"
    python3 -m venv "$home" || fail "python3 cannot make virtual environments: install python3-venv"
    "$home/bin/pip" install -q --disable-pip-version-check "pyspark==$version"
    touch "$home/installed"
}

case ${1:-} in
install) install_spark; echo "Apache Spark $version is in $home" ;;
*) fail "say install" ;;
esac
