#!/usr/bin/env bash
# Rows into a table of PostgreSQL, merged by key: ecap-consume from lines of JSON, beside psql, which copies the same rows as CSV
# into a temporary table and merges them with one INSERT … ON CONFLICT. Once into an empty table, once over all rows that are
# there. Times on a busy machine prove nothing: look at the ratios.
#
#   make bench-postgres
#   ROWS=500000 ROUNDS=5 make bench-postgres
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
rows=${ROWS:-300000}
rounds=${ROUNDS:-3}
export PATH="$PWD/bin:$PATH"
work=$(mktemp -d)
port=$((20000 + RANDOM % 10000))
trap 'scripts/postgres.sh kill --data-dir "$work/postgres"; rm -rf "$work"' EXIT
chmod 755 "$work"
scripts/postgres.sh start --port "$port" --data-dir "$work/postgres" -c max_wal_size=4GB -c checkpoint_timeout=1h >/dev/null
export ECAP_HOME=$work/home PGHOST=127.0.0.1 PGPORT=$port PGUSER=ecap PGDATABASE=postgres
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

mkdir "$work/in"
ecap-gen transactions -n "$rows" --seed 7 --start 2026-01-01 -o "$work/in/rows.ndjson" 2>/dev/null
cat >"$work/query.sql" <<'SQL'
SELECT transaction_id, user_id, product_id, quantity, price, total_amount, payment_method, timestamp, device_info FROM transactions
SQL
# Name and time of a step, in seconds.
timed() {
    local name=$1 began=$EPOCHREALTIME
    shift
    "$@"
    perl -e 'printf "%.3f\n", $ARGV[1] - $ARGV[0]' "$began" "$EPOCHREALTIME" >>"$work/$name"
}
# Each time anew: a query that goes on from its checkpoint has these rows already.
ours() {
    rm -rf "$ECAP_HOME/checkpoints"
    ecap-consume query "$work/query.sql" --source "$work/in" --trigger once --max-future off \
        --sink postgres --sink-option url="postgres://ecap@127.0.0.1:$port/postgres" --sink-option table=ours \
        --merge-on transaction_id 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
}
theirs() {
    sql <<SQL
BEGIN;
CREATE TEMP TABLE waiting (LIKE theirs) ON COMMIT DROP;
\\copy waiting FROM '$work/rows.csv' WITH (FORMAT csv)
INSERT INTO theirs SELECT * FROM waiting ON CONFLICT (transaction_id) DO UPDATE SET $set;
COMMIT;
SQL
}
ours
rm "$work/said"
kept=$(sql -At -c 'SELECT count(*) FROM ours')
sql -c "\\copy ours TO '$work/rows.csv' WITH (FORMAT csv)"
sql -c 'CREATE TABLE theirs (LIKE ours INCLUDING ALL)'
set=$(sql -At -c "SELECT string_agg(format('%1\$I = excluded.%1\$I', attname), ', ') FROM pg_attribute
    WHERE attrelid = 'ours'::regclass AND attnum > 0 AND attname <> 'transaction_id'")
echo "$kept transactions of 9 columns, one of them jsonb, merged on transaction_id, in one batch"
for ((round = 0; round < rounds; round++)); do
    sql -c 'TRUNCATE ours; TRUNCATE theirs; CHECKPOINT'
    for step in insert update; do
        timed "$step.ours" ours
        timed "$step.psql" theirs
    done
done
[ -z "$(sql -At -c 'SELECT * FROM ours EXCEPT SELECT * FROM theirs' -c 'SELECT * FROM theirs EXCEPT SELECT * FROM ours')" ] ||
    { echo "the tables differ" >&2; exit 1; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for step in insert update; do
    perl -e '
        my ($step, $rows, $ours, $psql) = @ARGV;
        printf "%s: ecap-consume %.2f s (%d rows/s), psql %.2f s (%d rows/s): %.2f of its rate\n",
            $step, $ours, $rows / $ours, $psql, $rows / $psql, $psql / $ours;
    ' "$step" "$kept" "$(median "$work/$step.ours")" "$(median "$work/$step.psql")"
done
