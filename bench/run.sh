#!/usr/bin/env bash
# A backlog of transactions, read by kcat and aggregated by ecap-consume, side by side in one run.
# Times on a busy machine prove nothing: look at the ratios.
#
#   make bench                      on the embedded broker, 2,000,000 records
#   BENCH_KAFKA=1 make bench        on an Apache Kafka that is started for it and stopped afterwards
#   BENCH_SPARK=1 BENCH_FLINK=1 make bench    Spark and Flink too, which are installed if they are missing
#   RECORDS=500000 make bench       with fewer
#   ECAP_BOOTSTRAP_SERVERS=host:port make bench     on another broker, whose topic is created anew
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-2000000}
rounds=${ROUNDS:-3}
seed=${SEED:-7}
export PATH="$PWD/bin:$PATH"

# shellcheck source=bench/broker.sh
. bench/broker.sh
begin_topic
echo "loading $records transactions (seed $seed) into $ECAP_BOOTSTRAP_SERVERS"
# At this rate some 26,000 users buy something in a minute.
load "$records" --seed "$seed" --customers 100000 --skew 0

# One run: its seconds and its resident kilobytes go to the file that $1 names, its output to $2.
measure() {
    local name=$1 out=$2
    shift 2
    /usr/bin/time -a -o "$work/$name" -f '%e %M' "$@" >"$out" 2>"$work/$name.err"
}
consume() {
    ecap-consume --topic transactions --from earliest --trigger available-now \
        --output-mode append --flush-at-end --format csv --progress off \
        --agg 'count(*) AS n' --agg 'sum(price) AS total' --agg 'avg(price) AS mean' "$@"
}
by_category() {
    consume --group-by category_name --agg 'count(DISTINCT user_id) AS users' "$@"
}
export -f consume by_category

for ((round = 1; round <= rounds; round++)); do
    measure kcat /dev/null kcat -C -b "$ECAP_BOOTSTRAP_SERVERS" -t transactions -o beginning -e -q
    measure tumbling "$work/tumbling.csv" bash -c 'by_category --window 1m'
    measure sliding "$work/sliding.csv" bash -c 'by_category --window 5m --slide 1m'
    measure user "$work/user.csv" bash -c 'consume --group-by user_id --window 1m'
done
counted=$(awk -F, 'NR > 1 { n += $4 } END { print n + 0 }' "$work/tumbling.csv")
[ "$counted" = "$records" ] || { echo "the tumbling windows hold $counted records, not $records" >&2; exit 1; }

# Each query once on another system, as a program of Python: it takes minutes, and must count the same records.
elsewhere() {
    local name=$1 python=$2 query
    for query in tumbling sliding user; do
        measure "$name-$query" /dev/null "$python" "bench/$name.py" "$ECAP_BOOTSTRAP_SERVERS" \
            "$work/$name/$query" "$query" || { tail -5 "$work/$name-$query.err" >&2; exit 1; }
        find "$work/$name/$query" -name 'part-*' -exec perl bench/same-counts.pl "$name" "$work/$query.csv" {} +
    done
}
cache=${ECAP_CACHE:-$HOME/.cache/ecap}
if [ "${BENCH_SPARK:-0}" = 1 ]; then
    scripts/apache-spark.sh install >/dev/null
    # Once before, as it fetches its connector from Maven Central.
    "$cache/spark-4.0.0/bin/python" bench/spark.py warm >/dev/null 2>"$work/spark.err" ||
        { tail -5 "$work/spark.err" >&2; exit 1; }
    elsewhere spark "$cache/spark-4.0.0/bin/python"
fi
if [ "${BENCH_FLINK:-0}" = 1 ]; then
    scripts/apache-flink.sh install >/dev/null
    elsewhere flink "$cache/flink-2.0.0/bin/python"
fi

# The best of the rounds, as the one that the machine disturbed least.
perl -e '
    my ($work, $records) = @ARGV;
    my %queries = (tumbling => "1 min tumbling", sliding => "5 min by 1 min", user => "1 min by user");
    my @queries = qw(tumbling sliding user);
    my @runs = ([kcat => "kcat, reading everything"], map { [$_ => "ecap-consume, $queries{$_}"] } @queries);
    for my $name (qw(spark flink)) { push @runs, map { ["$name-$_" => "\u$name, $queries{$_}"] } @queries }
    my %best;
    for (@runs) {
        my ($name, $words) = @$_;
        open my $file, "<", "$work/$name" or next;
        my @runs = map { [split] } <$file>;
        my ($seconds) = sort { $a <=> $b } map { $_->[0] } @runs;
        my ($resident) = sort { $b <=> $a } map { $_->[1] } @runs;
        $best{$name} = $seconds;
        printf "%-34s %7.2f s %10.0f records/s %6.0f MB resident at most\n",
            $words, $seconds, $records / $seconds, $resident / 1024;
    }
    printf "ecap-consume has %.2f of the rate of kcat (wanted: 0.90 or more)\n", $best{kcat} / $best{tumbling};
    printf "sliding costs %.2f times tumbling (wanted: 1.15 or less)\n", $best{sliding} / $best{tumbling};
    printf "by user costs %.2f times by category (wanted: 2.00 or less)\n", $best{user} / $best{tumbling};
    for my $name (grep { $best{"$_-tumbling"} } qw(spark flink)) {
        my @times = map { sprintf "%.1f (%s)", $best{"$name-$_"} / $best{$_}, $queries{$_} } @queries;
        my $wanted = $name eq "spark" ? " (wanted: 12 or more for tumbling)" : "";
        print "\u$name takes as many times as long: ", join(", ", @times), "$wanted\n";
    }
' "$work" "$records"
