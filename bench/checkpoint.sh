#!/usr/bin/env bash
# What a checkpoint costs: the same query over the same topic with and without one, in pairs, in one run; and how long a query that
# was stopped takes to its first new row. Times on a busy machine prove nothing: look at the ratio.
#
#   make bench-checkpoint                       on the embedded broker
#   RECORDS=500000 PAIRS=3 make bench-checkpoint
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-2000000}
pairs=${PAIRS:-10}
groups=${GROUPS_OPEN:-1000000}
restarts=${RESTARTS:-5}
# What comes in a second, for batches of a second.
a_second=${A_SECOND:-100000}
export PATH="$PWD/bin:$PATH"

# shellcheck source=bench/broker.sh
. bench/broker.sh
# Many users, none of whom buys much more than others.
world=(--seed 7 --customers 100000 --skew 0)
begin_topic
consume() {
    exec ecap-consume --topic transactions --from earliest --max-future off --window 3650d --format csv --progress off \
        --agg 'count(*) AS n' --agg 'sum(price) AS total' --agg 'max(timestamp) AS last' "$@"
}
export -f consume
# Batches as large as those of a second, without the rest of the second: it costs nothing.
by_user="consume --group-by user_id --trigger available-now --max-offsets-per-trigger $a_second --output-mode append"
# The processor seconds of a run go to the file that $1 names.
measure() {
    local name=$1
    shift
    /usr/bin/time -a -o "$work/$name" -f '%U %S' bash -c "$*" >"$work/$name.out" 2>"$work/$name.err" ||
        { tail -5 "$work/$name.err" >&2; exit 1; }
}

echo "loading $records transactions of 100,000 users into $ECAP_BOOTSTRAP_SERVERS"
load "$records" "${world[@]}"
for ((pair = 1; pair <= pairs; pair++)); do
    measure without "$by_user"
    rm -rf "$work/kept"
    measure with "$by_user --checkpoint $work/kept"
done
perl -e '
    my ($work, $records, $a_second) = @ARGV;
    sub seconds { open my $file, "<", "$work/$_[0]" or die; map { my ($user, $system) = split; $user + $system } <$file> }
    sub median { my @all = sort { $a <=> $b } @_; ($all[$#all / 2] + $all[($#all + 1) / 2]) / 2 }
    my (@with, @without) = ();
    @without = seconds("without"); @with = seconds("with");
    printf "processor seconds a million records, batches of %d: %.2f without a checkpoint, %.2f with one\n",
        $a_second, map { median(@$_) / $records * 1e6 } \@without, \@with;
    my @ratios = map { $with[$_] / $without[$_] } 0 .. $#with;
    printf "a checkpoint costs %.1f%% (wanted: less than 10; the median of %d pairs, %.1f%% to %.1f%%)\n",
        (median(@ratios) - 1) * 100, scalar @ratios, map { ($_ - 1) * 100 } (sort { $a <=> $b } @ratios)[0, -1];
' "$work" "$records" "$a_second"

begin_topic
load "$groups" "${world[@]}"
echo "opening $rows groups"
by_transaction="consume --group-by transaction_id --checkpoint $work/open --output-mode update"
bash -c "$by_transaction --trigger available-now" >/dev/null 2>"$work/open.err" || { tail -5 "$work/open.err" >&2; exit 1; }
du -sh "$work/open" | sed "s,$work/open,of checkpoint,"
for ((restart = 1; restart <= restarts; restart++)); do
    load 1000 "${world[@]}"
    # From the start of the process to its first line of a row, behind the heading.
    perl -MTime::HiRes=time -e '
        my $began = time;
        my $pid = open my $rows, "-|", "bash", "-c", $ARGV[0] or die;
        <$rows>; <$rows>;
        printf "%.3f\n", time - $began;
        kill "TERM", $pid;
        1 while <$rows>;
    ' "$by_transaction --trigger 0s 2>/dev/null" >>"$work/restarts"
done
perl -e '
    my @all = sort { $a <=> $b } <>;
    printf "first new row %.2f s after the start (wanted: less than 1; the median of %d, at most %.2f)\n",
        $all[$#all / 2], scalar @all, $all[-1];
' "$work/restarts"
