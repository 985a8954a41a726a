#!/usr/bin/env perl
# Turns what ecap-consume showed into a moving picture: a frame per batch.
#
#   ecap-consume --window 10s --slide 5s | tee windows.txt
#   scripts/windows-svg.pl 'ecap-consume --window 10s --slide 5s' < windows.txt > docs/windows.svg
use strict;
use warnings;

my $command = shift // 'ecap-consume';
my (@frames, @frame);
while (my $line = <STDIN>) {
    chomp $line;
    if ($line =~ /^Batch \d+/) {
        push @frames, [@frame] if @frame;
        @frame = ($line);
    } elsif (@frame and $line !~ /^-+$/) {
        push @frame, $line;
    }
}
push @frames, [@frame] if @frame;
@frames = @frames[0 .. 7] if @frames > 8;
die "no batches on standard input\n" unless @frames;

my ($columns, $rows) = (0, 0);
for my $frame (@frames) {
    $rows = @$frame if @$frame > $rows;
    for (@$frame) { $columns = length if length > $columns }
}
my ($width, $height, $each) = (int($columns * 6.65) + 24, ($rows + 3) * 15 + 16, 2);
my ($all, $share) = ($each * @frames, 100 / @frames);
printf qq(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">\n), $width, $height;
print qq(<title>$command: windows that change while records come in</title>\n);
printf qq(<style>text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}
.f{opacity:0}.f:last-of-type{opacity:1}.f{animation:f %ds step-end infinite}\@keyframes f{0%%{opacity:1}%.3f%%{opacity:0}}
\@media (prefers-reduced-motion){.f{animation:none}}</style>\n), $all, $share;
print qq(<rect width="100%" height="100%" rx="6" fill="#1b2028"/>\n);
print qq(<text x="12" y="22" xml:space="preserve" style="fill:#a3be8c">\$ $command</text>\n);
for my $number (0 .. $#frames) {
    my $delay = $number * $each - ($number ? $all : 0);
    print qq(<g class="f" style="animation-delay:${delay}s">\n);
    my $y = 52;
    for my $line (@{ $frames[$number] }) {
        $line =~ s/&/&amp;/g;
        $line =~ s/</&lt;/g;
        print qq(<text x="12" y="$y" xml:space="preserve">$line</text>\n) if length $line;
        $y += 15;
    }
    print "</g>\n";
}
print "</svg>\n";
