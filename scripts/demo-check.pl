#!/usr/bin/env perl
# Counts records per window of 10 s every 5 s from their timestamps, and compares with what
# ecap-consume showed last for each window. Shares nothing with the engine.
#
# Usage: demo-check.pl RECORDS.json WINDOWS.txt    (a JSON object a line; the console's tables)
use strict;
use warnings;
use JSON::PP;
use POSIX qw(strftime);
use Time::Local qw(timegm);

my ($records, $windows) = @ARGV;
my ($size, $slide) = (10, 5);

sub in_seconds {
    my ($time) = @_;
    return int($time / 1000) if $time =~ /^\d+$/;    # epoch milliseconds
    my ($year, $month, $day, $hour, $minute, $second) = $time =~ /(\d+)-(\d+)-(\d+)[T ](\d+):(\d+):(\d+)/
        or die "'$time' is not a time\n";
    return timegm($second, $minute, $hour, $day, $month - 1, $year);
}

my (%expected, $count);
open my $in, '<', $records or die "$records: $!\n";
while (<$in>) {
    my $second = in_seconds(decode_json($_)->{timestamp});
    # Every window [start, start + size) with second in it; starts are multiples of the slide.
    for (my $start = $second - $second % $slide; $start > $second - $size; $start -= $slide) {
        $expected{strftime('%Y-%m-%d %H:%M:%S', gmtime $start)}++;
    }
    $count++;
}

my %shown;
my $time = qr/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
open $in, '<', $windows or die "$windows: $!\n";
while (<$in>) {
    # window_start, window_end, record_count: what a window showed last is its result.
    $shown{$1} = $2 if /($time)\D+$time\D+(\d+)/;
}

my $wrong = 0;
my %all = (%expected, %shown);
for my $start (sort keys %all) {
    my ($want, $got) = map { $_ // 0 } $expected{$start}, $shown{$start};
    printf "%s  %4d records  %4d shown  %s\n", $start, $want, $got, $want == $got ? 'ok' : 'WRONG';
    $wrong++ if $want != $got;
}
my $sum = 0;
$sum += $_ for values %shown;
printf "%d records, each in %g windows: %s\n", $count, $sum / $count,
    $wrong ? "$wrong windows are WRONG" : 'every window is right';
exit($wrong || $sum != 2 * $count ? 1 : 0);
