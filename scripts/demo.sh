#!/usr/bin/env bash
# The whole walk in one window: broker, topics, data, batches, sliding windows, and a check that
# every window counted what it should. Keeps nothing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-400}

# Bold on a terminal.
say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi
}

make --no-print-directory build
say "Built at $(date +%H:%M:%S). The demo takes about a minute from here."
began=$SECONDS

mkdir -p .ecap
ECAP_HOME=$(mktemp -d "$PWD/.ecap/demo.XXXXXX")
export ECAP_HOME PATH="$PWD/bin:$PATH"
pids=()
finish() {
    kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$ECAP_HOME"
}
trap finish EXIT

say "1. An embedded broker, for this demo alone"
ecap-broker --listen 127.0.0.1:0 --data-dir "$ECAP_HOME/broker" >"$ECAP_HOME/broker.log" 2>&1 &
pids+=($!)
# It says where it listens as soon as it does.
until address=$(grep -om1 '127\.0\.0\.1:[0-9]*' "$ECAP_HOME/broker.log"); do
    kill -0 "${pids[0]}" || { cat "$ECAP_HOME/broker.log" >&2; exit 1; }
    sleep 0.05
done
export ECAP_BOOTSTRAP_SERVERS=$address
echo "\$ ecap-broker    (on $address)"

say "2. The catalog's topics"
echo "\$ ecap-topics create-topics"
ecap-topics create-topics

say "3. The coursework's file"
echo "\$ ecap-gen"
ecap-gen -o "$ECAP_HOME/customer_transactions_1200.csv"

say "4. Batches of 10 every second (the coursework waits 10 s between batches; the demo is shorter)"
echo "\$ ecap-produce --batch-size 10 --sleep 1 --max-records $records    (in the background)"
ecap-produce --data-file "$ECAP_HOME/customer_transactions_1200.csv" --batch-size 10 --sleep 1 \
    --max-records "$records" >"$ECAP_HOME/produce.log" 2>&1 &
producer=$!
pids+=("$producer")

say "5. Sliding windows of 10 s, one every 5 s: watch record_count rise, and each record count twice"
echo "\$ ecap-consume --window 10s --slide 5s --from earliest"
# No live line: it and what tee writes would cross.
ecap-consume --window 10s --slide 5s --from earliest --no-progress > >(tee "$ECAP_HOME/windows.txt") &
consumer=$!
pids+=("$consumer")

wait "$producer" || { cat "$ECAP_HOME/produce.log" >&2; exit 1; }
seen() {
    sed -n 's/^Total records processed: *\([0-9,]*\).*/\1/p' "$ECAP_HOME/windows.txt" | tail -n 1 | tr -d ,
}
until [ "$(seen)" = "$records" ]; do
    if ! kill -0 "$consumer" 2>/dev/null || ((SECONDS - began > 85)); then
        echo "the consumer saw $(seen) of $records records" >&2
        exit 1
    fi
    sleep 0.2
done
kill "$consumer"
wait "$consumer"

say "6. The producer's account"
tail -n 12 "$ECAP_HOME/produce.log"

say "7. The windows, counted again from the records' timestamps as another client reads them"
echo "\$ ecap-topics tail customer-transactions --from earliest --format json"
ecap-topics tail customer-transactions --from earliest -n "$records" --format json >"$ECAP_HOME/records.json"
perl scripts/demo-check.pl "$ECAP_HOME/records.json" "$ECAP_HOME/windows.txt"
echo "Done in $((SECONDS - began)) s."
