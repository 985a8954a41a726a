#!/usr/bin/env bash
# A backlog of transactions, raw, from a topic into a Delta table and into Parquet (all columns, zstd): ecap-consume beside Spark, in
# one run. Spark then reads both, and must find the same rows. Times on a busy machine prove nothing: look at the ratios.
#
#   make bench-raw                      on the embedded broker, 2,000,000 records
#   BENCH_KAFKA=1 make bench-raw        on an Apache Kafka that is started for it and stopped afterwards
#   RECORDS=300000 ROUNDS=1 make bench-raw
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-2000000}
rounds=${ROUNDS:-3}
export PATH="$PWD/bin:$PATH"

# shellcheck source=bench/broker.sh
. bench/broker.sh
scripts/apache-spark.sh install >/dev/null
python=${ECAP_CACHE:-$HOME/.cache/ecap}/spark-4.0.0/bin/python
spark() {
    "$python" bench/spark_raw.py "$@" 2>"$work/spark.err" || { tail -5 "$work/spark.err" >&2; exit 1; }
}
# Once before, as it fetches its connectors from Maven Central.
spark warm
begin_topic
echo "loading $records transactions into $ECAP_BOOTSTRAP_SERVERS"
load "$records" --seed 7

# One run: its seconds and its resident kilobytes go to the file that $1 names.
measure() {
    local name=$1
    shift
    /usr/bin/time -a -o "$work/$name" -f '%e %M' "$@" >/dev/null 2>"$work/err" || { tail -5 "$work/err" >&2; exit 1; }
}
for ((round = 1; round <= rounds; round++)); do
    for form in delta parquet; do
        rm -rf "$work/ours/$form" "$work/kept"
        measure "ours-$form" ecap-consume --topic transactions --from earliest --trigger available-now --max-future off \
            --sink "$form" --path "$work/ours/$form" --checkpoint "$work/kept" --progress off
    done
done
for form in delta parquet; do
    measure "spark-$form" "$python" bench/spark_raw.py write "$ECAP_BOOTSTRAP_SERVERS" "$work/theirs" "$form"
done
# The best of the rounds, as the one that the machine disturbed least.
perl -e '
    my ($work, $records) = @ARGV;
    for my $form (qw(delta parquet)) {
        my (%seconds, %resident);
        for my $who (qw(ours spark)) {
            open my $file, "<", "$work/$who-$form" or die;
            my @runs = map { [split] } <$file>;
            ($seconds{$who}) = sort { $a <=> $b } map { $_->[0] } @runs;
            ($resident{$who}) = sort { $b <=> $a } map { $_->[1] } @runs;
            printf "%-22s %7.2f s %9.0f records/s %6.0f MB resident at most\n", ($who eq "ours" ? "ecap-consume" : "Spark") . ", $form",
                $seconds{$who}, $records / $seconds{$who}, $resident{$who} / 1024;
        }
        printf "%s: %.1f times the rate of Spark (wanted: 4 or more), with %.2f of its memory (wanted: 0.10 or less)\n",
            $form, $seconds{spark} / $seconds{ours}, $resident{ours} / $resident{spark};
    }
' "$work" "$records"
du -sh "$work"/ours/* "$work"/theirs/delta "$work"/theirs/parquet | sed "s,$work/,,"
for form in delta parquet; do
    spark read "$work/ours/$form" "$work/theirs/$form" "$form"
done
