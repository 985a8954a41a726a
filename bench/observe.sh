#!/usr/bin/env bash
# What it costs that a query is looked after: the same work by `query` and by `run`, which is asked for its status each second and for
# its metrics as Prometheus does; and by `run` with many clients. In turns, in one run; processor time of the process alone.
# Times on a busy machine prove nothing: look at the ratios.
#
#   make bench-observe                          on the embedded broker
#   RECORDS=1000000 PAIRS=3 make bench-observe
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-12000000}
pairs=${PAIRS:-10}
streams=${STREAMS:-200}
rate=${RATE:-100}
export PATH="$PWD/bin:$PATH"

# shellcheck source=bench/broker.sh
. bench/broker.sh
begin_topic
echo "loading $records transactions into $ECAP_BOOTSTRAP_SERVERS"
load "$records" --seed 7 --customers 100000 --skew 0

# The work: windows of a minute in batches as large as those of a second, kept once.
cat >"$work/work.sql" <<'SQL'
SELECT window.start AS window_start, window.end AS window_end, category_name, count(*) AS n, sum(price) AS total
FROM transactions
GROUP BY window(timestamp, '1 minute'), category_name
SQL
options=(from=earliest trigger=available-now max-offsets-per-trigger=100000 output-mode=append
    sink=parquet "path=$work/out" "checkpoint=$work/kept")
{
    printf '[[consumer]]\nname = "work"\ntype = "query"\nquery = "work.sql"\n[consumer.options]\n'
    printf '%s\n' "${options[@]}" flush-at-end | sed -E 's/=(.*)/ = "\1"/; s/^flush-at-end$/& = true/'
} >"$work/consumers.toml"

begin() {
    rm -rf "$work/out" "$work/kept"
}
# The rows that were kept are the same each time.
check() {
    local rows
    rows=$(perl -ne '$n += $1 while /"rows":(\d+)/g; END { print $n // 0 }' "$work/out/_manifest")
    if [ "$rows" = 0 ] || [ "$rows" != "${expected:=$rows}" ]; then
        echo "$1 kept $rows rows, not $expected" >&2
        exit 1
    fi
}
plain() {
    begin
    /usr/bin/time -a -o "$work/plain" -f '%U %S' ecap-consume query "$work/work.sql" --progress off --flush-at-end \
        "${options[@]/#/--}" 2>"$work/plain.err" || { tail -5 "$work/plain.err" >&2; exit 1; }
    check plain
}
# run NAME STREAMS RATE: with these clients.
run() {
    local name=$1 address
    begin
    rm -f "$work/$name.err"
    /usr/bin/time -a -o "$work/$name" -f '%U %S' ecap-consume run --listen 127.0.0.1:0 2>"$work/$name.err" &
    local timed=$!
    until address=$(grep -osm1 'http://127\.0\.0\.1:[0-9]*' "$work/$name.err"); do
        kill -0 "$timed" 2>/dev/null || { tail -5 "$work/$name.err" >&2; exit 1; }
        sleep 0.02
    done
    python3 bench/observe.py "${address#http://}" work "$2" "$3" >>"$work/$name.got"
    kill -TERM "$(perl -ne '/"pid":\s*(\d+)/ && print $1' "$work/consumers.running")"
    wait "$timed"
    check "$name"
}
watched() { run watched 0 0; }
crowded() { run crowded "$streams" "$rate"; }

for ((pair = 1; pair <= pairs; pair++)); do
    # What the machine does meanwhile falls on each of them alike.
    if ((pair % 2)); then plain; watched; crowded; else crowded; watched; plain; fi
done
perl -e '
    my ($work, $records, $streams, $rate) = @ARGV;
    sub lines { open my $file, "<", "$work/$_[0]" or die; map { [split] } <$file> }
    sub median { my @all = sort { $a <=> $b } @_; ($all[$#all / 2] + $all[($#all + 1) / 2]) / 2 }
    my %cpu = map { my $name = $_; $name => [map { $_->[0] + $_->[1] } lines($name)] } qw(plain watched crowded);
    printf "processor seconds a million records: %.3f as a query, %.3f looked after, %.3f with %d streams and %d requests a second\n",
        (map { median(@{$cpu{$_}}) / $records * 1e6 } qw(plain watched crowded)), $streams, $rate;
    my @got = lines("crowded.got");
    printf "the clients got %.0f events and %.0f metrics a second\n", map { my $n = $_; median(map { $_->[$n] / $_->[0] } @got) } 1, 2;
    for (["all observation", "watched", "plain", 2], ["the clients", "crowded", "watched", 5]) {
        my ($what, $with, $without, $wanted) = @$_;
        my @ratios = map { ($cpu{$with}[$_] / $cpu{$without}[$_] - 1) * 100 } 0 .. $#{$cpu{$with}};
        printf "%s: %.1f%% more (wanted: less than %d; the median of %d pairs, %.1f%% to %.1f%%)\n",
            $what, median(@ratios), $wanted, scalar @ratios, (sort { $a <=> $b } @ratios)[0, -1];
    }
' "$work" "$records" "$streams" "$rate"
