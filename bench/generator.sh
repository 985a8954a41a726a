#!/usr/bin/env bash
# Transactions as lines of JSON, by ecap-gen with one thread and with all, and by a script of Python's Faker that
# writes the same fields, in one run. Times on a busy machine prove nothing: look at the ratio.
#
#   make bench-generator                    2,000,000 rows, and 5,000 of Faker's
#   RECORDS=10000000 make bench-generator   with more
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
records=${RECORDS:-2000000}
faker_records=${FAKER_RECORDS:-5000}
rounds=${ROUNDS:-3}
export PATH="$PWD/bin:$PATH"
python=${ECAP_CACHE:-$HOME/.cache/ecap}/tools/generator/bin/python
for tool in "$python" /usr/bin/time perl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: scripts/install-test-tools.sh services" >&2; exit 1; }
done

mkdir -p .ecap
work=$(mktemp -d "$PWD/.ecap/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The seconds and resident kilobytes of a command, whose rows nobody keeps, go to the file that $1 names.
measure() {
    local name=$1
    shift
    /usr/bin/time -a -o "$work/$name" -f '%e %M' "$@" >/dev/null
}
generate() {
    measure "$1" ecap-gen transactions -n "$records" --seed 7 --start 2026-01-01 -o - --threads "$2"
}

for ((round = 1; round <= rounds; round++)); do
    generate one 1
    generate all "$(nproc)"
done
measure faker "$python" bench/faker_transactions.py "$faker_records"

# The best of the rounds, as the one that the machine disturbed least.
perl -e '
    my ($work, $records, $faker_records, $cores) = @ARGV;
    my %rate;
    for ([one => "ecap-gen, one thread", $records], [all => "ecap-gen, $cores threads", $records],
         [faker => "Faker, Python", $faker_records]) {
        my ($name, $words, $rows) = @$_;
        open my $file, "<", "$work/$name" or die "$work/$name: $!";
        my ($best) = sort { $a->[0] <=> $b->[0] } map { [split] } <$file>;
        $rate{$name} = $rows / $best->[0];
        printf "%-24s %9d rows %7.2f s %10.0f rows/s %6.0f MB resident at most\n",
            $words, $rows, $best->[0], $rate{$name}, $best->[1] / 1024;
    }
    printf "one thread has %.0f times the rate of Faker (wanted: 100 or more)\n", $rate{one} / $rate{faker};
' "$work" "$records" "$faker_records" "$(nproc)"
