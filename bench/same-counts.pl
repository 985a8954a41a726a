# Whether another system counted the same records as ecap-consume, window by window.
#
# Usage: same-counts.pl NAME OURS THEIRS...    CSV with the window's start first and the count fourth
#
# At its end a stream may have left its last windows open; any other difference is an error.
use strict;
use warnings;

my ($name, $ours, @theirs) = (ucfirst shift, @ARGV);
@theirs or die "$name left no files\n";

sub counts {
    my %count;
    for my $path (@_) {
        open my $file, '<', $path or die "$path: $!\n";
        while (<$file>) {
            my ($start, undef, undef, $n) = split /,/;
            # Each writes times in its own way: the digits up to the second are the same.
            (my $digits = $start) =~ s/\D//g;
            $count{substr $digits, 0, 14} += $n if length $digits >= 14;
        }
    }
    return %count;
}

my %our = counts($ours);
my %their = counts(@theirs);
my ($last) = sort { $b <=> $a } keys %their;
defined $last or die "$name gave no windows: with more RECORDS some become final\n";
my ($open, $records) = (0, 0);
for my $start (sort keys %our) {
    my $theirs = $their{$start};
    if (!defined $theirs && $start > $last) { $open++; next }
    $theirs //= 0;
    $theirs == $our{$start} or die "$name counts $theirs records in the window of $start, not $our{$start}\n";
    $records += $theirs;
}
for (keys %their) { exists $our{$_} or die "$name has a window of $_, which is not there\n" }
print "$name counts the same $records records", $open ? ", and left the last $open windows open\n" : "\n";
