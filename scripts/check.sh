#!/usr/bin/env bash
# Everything that can be said about the tree without running it; what is cheap to find comes first.
# Names of steps as arguments run those alone: scripts/check.sh lints
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:${ECAP_CACHE:-$HOME/.cache/ecap}/tools/bin"

format() {
    cargo fmt --check
}

shell_scripts() {
    git ls-files '*.sh' .ci/run | xargs shellcheck
}

# Config needs no daemon.
compose_file() {
    local compose=docker-compose
    ! docker compose version >/dev/null 2>&1 || compose="docker compose"
    COMPOSE_PROFILES=ui,monitoring,postgres,spark $compose config --quiet
}

# Texts are read on other machines than the one they were written on.
# Registries are reached through their clients, which know the hosts (the XML name space is a name).
words() {
    ! git grep -nIE \
        -e '(^|[^A-Za-z0-9_.$}~-])/(root|tmp|work|home/[a-z]+)/' \
        -e 'https?://[^ ]*(crates\.io|pypi|pythonhosted|npmjs|maven|golang\.org|deb(ian)?\.org)' \
        -- ':!Cargo.lock' ':!fuzz/Cargo.lock' | grep -v 'xmlns='
}

licences() {
    cargo deny --log-level error check --hide-inclusion-graph bans licenses sources
}

lints() {
    cargo clippy --quiet --all-targets -- -D warnings
}

documentation() {
    RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --quiet --no-deps --lib --document-private-items
}

# Set before the steps, which run bare: inside a condition the shell would ignore their failures.
trap '[ $? -eq 0 ] || echo "check: ${step//_/ } failed" >&2' EXIT

steps=(format shell_scripts compose_file words licences lints documentation)
[ $# -eq 0 ] || steps=("$@")
for step in "${steps[@]}"; do
    SECONDS=0
    "$step"
    echo "check: ${step//_/ } ok ($SECONDS s)"
done
