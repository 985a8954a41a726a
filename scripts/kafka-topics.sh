#!/usr/bin/env bash
# Topic management under its old name: scripts/kafka-topics.sh VERB ... is ecap-topics VERB ...
set -euo pipefail

PATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/bin:$PATH"
command -v ecap-topics >/dev/null || {
    echo "kafka-topics.sh: ecap-topics is not built: run 'make build' first" >&2
    exit 1
}
exec ecap-topics "$@"
