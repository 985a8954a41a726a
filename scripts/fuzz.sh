#!/usr/bin/env bash
# libFuzzer on requests to the embedded broker, two processes side by side, from what real clients sent.
# What reaches new code is kept in the cache folder and is where the next run begins.
#
# Usage: scripts/fuzz.sh [RUNS]    (10,000,000 without an argument; needs a nightly toolchain)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=${1:-10000000}
cache=${ECAP_CACHE:-$HOME/.cache/ecap}
corpus=$cache/fuzz/requests
export PATH="$PATH:$cache/tools/bin"

scripts/install-test-tools.sh fuzz
mkdir -p "$corpus" "$cache/fuzz/found"
CORPUS=$corpus perl -ne '
    next if /^#/;
    chomp;
    open my $request, ">", sprintf("%s/client-%03d", $ENV{CORPUS}, ++$number) or die $!;
    print $request pack "H*", $_;
' tests/broker/frames.txt
cd fuzz
# As much memory as the test on stable allows, and what libFuzzer keeps of its own.
exec cargo +nightly fuzz run --sanitizer none --target-dir "$cache/target/fuzz" requests "$corpus" -- \
    -runs=$((runs / 2)) -jobs=2 -workers=2 -rss_limit_mb=200 -max_len=4096 -artifact_prefix="$cache/fuzz/found/"
