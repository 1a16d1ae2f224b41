#!/usr/bin/perl
#
# test/processor_time.pl COMMAND [ARGUMENT ...]
#	Runs a command and then prints how long it took and how much processor time
#	all that came from it has used, as a line of TAP:
#
#		# 12.3 s, 8.5 s of processor
#
#	Servers are counted too, though the program that starts one does not wait for
#	it: this process takes in what others leave behind.  Ends as the command ends.

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(time sleep);

# prctl(PR_SET_CHILD_SUBREAPER, 1); elsewhere only what is waited for is counted
my %prctl = (x86_64 => 157, aarch64 => 167);
my ($system, $machine) = (POSIX::uname())[ 0, 4 ];
syscall($prctl{$machine}, 36, 1, 0, 0, 0) if $system eq 'Linux' && $prctl{$machine};

my $start = time;
my $child = fork // die "fork: $!";
if ($child == 0)
{
	exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
}
$SIG{$_} = 'IGNORE' foreach qw(INT);
$SIG{TERM} = sub { kill 'TERM', $child };

my $status;
until (defined $status)
{
	my $gone = waitpid(-1, 0);

	$status = $? if $gone == $child;
	last if $gone < 0 && !$!{EINTR};
}
my $wall = time - $start;

# a server that was told to stop may take a moment to end
for (1 .. 20)
{
	my $gone;

	1 while ($gone = waitpid(-1, POSIX::WNOHANG())) > 0;
	last if $gone < 0;
	sleep 0.1;
}
my ($user, $kernel) = (times)[ 2, 3 ];
printf "# %.1f s, %.1f s of processor\n", $wall, $user + $kernel;
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
