# test/perl/HvDamage.pm
#	Damaged index files: what the pages of hvtree look like (src/page/hvpage.h),
#	and ways to spoil one of them, at random from a seed or on purpose.
#
# Everything here works on the bytes of a file, as one string.  A change is
# described by a hash:
#	what	in words
#	block	the first block that differs
#	unseen	an access method cannot see that rows are missing afterwards: a leaf
#			is in order by itself, but has other rows than it had

package HvDamage;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(
  page_of put_page pages_of_kind kind_of field set_field entry_field set_entry_field
  tuple_count damage_at_random
);

our $BLCKSZ = 8192;
my $DATA = 64;             # where codes, slots and floats begin
my $SPECIAL = $BLCKSZ - 24;
my $LEAF_ENTRY = 16;
my $INNER_ENTRY = 24;

our %KIND = (free => 0, meta => 1, leaf => 2, inner => 3, centroid => 4, mean => 5);
my %NAME_OF = reverse %KIND;

# fields: where, and how to unpack them
my %HEADER = (
	pd_lsn => [ 0, 'Q<' ], pd_checksum => [ 8, 'v' ], pd_flags => [ 10, 'v' ],
	pd_lower => [ 12, 'v' ], pd_upper => [ 14, 'v' ], pd_special => [ 16, 'v' ],
	pd_pagesize_version => [ 18, 'v' ], pd_prune_xid => [ 20, 'V' ],
);
my %OPAQUE = (
	seq => [ $SPECIAL, 'Q<' ], link => [ $SPECIAL + 8, 'V' ],
	ntuples => [ $SPECIAL + 12, 'v' ], mean_version => [ $SPECIAL + 14, 'v' ],
	kind => [ $SPECIAL + 16, 'C' ], level => [ $SPECIAL + 17, 'C' ],
	churn => [ $SPECIAL + 18, 'v' ], block_tag => [ $SPECIAL + 20, 'v' ],
	page_id => [ $SPECIAL + 22, 'v' ],
);
my %META = map { $_->[0] => [ 24 + $_->[1], $_->[2] ] } (
	[ magic => 0, 'V' ], [ version => 4, 'V' ], [ metric => 8, 'V' ], [ dim => 12, 'V' ],
	[ code_bits => 16, 'V' ], [ leaf_entry_size => 20, 'v' ], [ inner_entry_size => 22, 'v' ],
	[ leaf_capacity => 24, 'v' ], [ inner_capacity => 26, 'v' ], [ meta_mean_version => 28, 'V' ],
	[ seed => 32, 'Q<' ], [ meta_seq => 40, 'Q<' ], [ mean_block => 48, 'V' ],
	[ centroid_block => 52, 'V' ], [ max_norm => 56, 'f<' ], [ height => 60, 'v' ],
	[ spill => 62, 'v' ], [ leaves => 64, 'V' ], [ refine_bits => 68, 'v' ],
	[ meta_flags => 70, 'v' ], [ rows => 72, 'd<' ], [ tuples => 80, 'd<' ],
	[ maintain_block => 88, 'V' ], [ old_mean_block => 92, 'V' ], [ convert_block => 96, 'V' ],
	[ curve_queries => 152, 'V' ], [ curve_leaves => 156, 'V' ], [ curve_seq => 160, 'Q<' ],
	[ curve_rows => 168, 'd<' ], [ curve_margin => 176, 'f<' ], [ curve_stop => 180, 'f<' ],
	[ curve_most => 184, 'f<' ], [ curve_read => 188, 'f<' ], [ curve_fetches => 192, 'f<' ]);
my %CENTROID = (bitmap => [ 24, 'Q<' ], first_norm2 => [ 64, 'f<' ], first_step => [ 68, 'f<' ]);
my %MEAN = (first_float => [ 64, 'f<' ]);
my %FIELD = (%HEADER, %OPAQUE, %META, %CENTROID, %MEAN);

# of the entries of a tree page, from where an entry begins
my %LEAF = (
	norm2 => [ 0, 'f<' ], scale => [ 4, 'f<' ], row_block_high => [ 8, 'v' ],
	row_block_low => [ 10, 'v' ], row_offset => [ 12, 'v' ], flags => [ 14, 'C' ],
	length_class => [ 15, 'C' ],
);
my %INNER = (
	norm2 => [ 0, 'f<' ], scale => [ 4, 'f<' ], child => [ 8, 'V' ],
	entry_centroid_block => [ 12, 'V' ], centroid_slot => [ 16, 'v' ], entry_flags => [ 18, 'v' ],
	unused => [ 20, 'V' ],
);
my %ENTRY = (%LEAF, %INNER);

# --- pages -------------------------------------------------------------------

sub page_of
{
	my ($bytes, $block) = @_;

	return substr $bytes, $block * $BLCKSZ, $BLCKSZ;
}

# put_page(BYTES, BLOCK, PAGE): the bytes with another page
sub put_page
{
	my ($bytes, $block, $page) = @_;

	substr $bytes, $block * $BLCKSZ, $BLCKSZ, $page;
	return $bytes;
}

sub field
{
	my ($page, $name) = @_;
	my ($at, $letter) = @{ $FIELD{$name} };

	return unpack $letter, substr $page, $at;
}

# set_field(PAGE, NAME, VALUE): the page with another value
sub set_field
{
	my ($page, $name, $value) = @_;
	my ($at, $letter) = @{ $FIELD{$name} };
	my $packed = pack $letter, $value;

	substr $page, $at, length $packed, $packed;
	return $page;
}

sub kind_of
{
	my ($page) = @_;

	return field($page, 'page_id') == 0xFF96 ? $NAME_OF{ field($page, 'kind') } // '?' : '?';
}

sub tuple_count
{
	my ($page) = @_;

	return kind_of($page) =~ /leaf|inner/ ? field($page, 'ntuples') : 0;
}

sub entry_at
{
	my ($page, $i) = @_;

	return $SPECIAL - ($i + 1) * (kind_of($page) eq 'leaf' ? $LEAF_ENTRY : $INNER_ENTRY);
}

# of entry I of a tree page
sub entry_field
{
	my ($page, $i, $name) = @_;
	my ($at, $letter) = @{ $ENTRY{$name} };

	return unpack $letter, substr $page, entry_at($page, $i) + $at;
}

sub set_entry_field
{
	my ($page, $i, $name, $value) = @_;
	my ($at, $letter) = @{ $ENTRY{$name} };
	my $packed = pack $letter, $value;

	substr $page, entry_at($page, $i) + $at, length $packed, $packed;
	return $page;
}

# pages_of_kind(BYTES): kind => blocks of that kind
sub pages_of_kind
{
	my ($bytes) = @_;
	my %blocks;

	push @{ $blocks{ kind_of(page_of($bytes, $_)) } }, $_ foreach 0 .. length($bytes) / $BLCKSZ - 1;
	return %blocks;
}

# --- at random ------------------------------------------------------------------

sub pick
{
	return $_[ int rand @_ ];
}

# A value for a field that had another one: near it, at an end, anything, or that of
# another page.
sub other_value
{
	my ($letter, $value, $other, $nblocks) = @_;

	return pick(0, -1, 1, 'nan', 'inf', '-inf', 1e30, -1e30, 1e-30, rand) if $letter =~ /f|d/;
	my $bits = { C => 8, v => 16, V => 32, 'Q<' => 63 }->{$letter};
	my $new = pick(0, 1, $value + 1, $value - 1, $value ^ (1 << int rand $bits), 2**$bits - 1,
		int rand 2**$bits, int rand 2 * $nblocks, $other, $other);

	return $new < 0 ? 2**$bits - 1 : $new;
}

# One field of a page gets another value.
sub spoil_field
{
	my ($bytes, $block) = @_;
	my $page = page_of($bytes, $block);
	my $kind = kind_of($page);
	my $nblocks = length($bytes) / $BLCKSZ;
	my $other = page_of($bytes, int rand $nblocks);
	my %fields = (
		%HEADER, %OPAQUE,
		$kind eq 'meta' ? %META : (),
		$kind eq 'centroid' ? %CENTROID : (),
		$kind eq 'mean' ? %MEAN : ());
	my $entries = tuple_count($page);

	if ($entries > 0 && rand() < 0.6)
	{
		my %of = $kind eq 'leaf' ? %LEAF : %INNER;
		my $name = pick(sort keys %of);
		my $i = int rand $entries;
		my $value = entry_field($page, $i, $name);
		my $new = other_value($of{$name}[1], $value, entry_field($page, int rand $entries, $name), $nblocks);

		return (put_page($bytes, $block, set_entry_field($page, $i, $name, $new)),
			"$name of entry $i: $value -> $new", $kind eq 'leaf' && $name =~ /^row_/);
	}
	my $name = pick(sort keys %fields);
	my $value = field($page, $name);
	my $new = other_value($fields{$name}[1], $value, field($other, $name), $nblocks);

	return (put_page($bytes, $block, set_field($page, $name, $new)), "$name: $value -> $new", 0);
}

sub flip_bits
{
	my ($bytes, $block) = @_;
	my $page = page_of($bytes, $block);
	my @where = (int rand $DATA, $SPECIAL + int rand 24, int rand $BLCKSZ,
		$SPECIAL - 1 - int rand(30 * (tuple_count($page) || 1)));
	my $n = pick(1, 1, 1, 2, 5);
	my $at = pick(@where);

	foreach (1 .. $n)
	{
		substr $page, $at, 1, chr(ord(substr $page, $at, 1) ^ 1 << int rand 8);
		$at = ($at + int rand 16) % $BLCKSZ;
	}
	return (put_page($bytes, $block, $page), "$n bits", kind_of($page) eq 'leaf');
}

sub put_noise
{
	my ($bytes, $block) = @_;
	my $page = page_of($bytes, $block);
	my $leaf = kind_of($page) eq 'leaf';
	my $n = pick(1 + int rand 64, 512, 4096);
	my $at = pick(int rand $BLCKSZ - $n, 0, $BLCKSZ - $n);

	substr $page, $at, $n, pack 'C*', map { int rand 256 } 1 .. $n;
	return (put_page($bytes, $block, $page), "$n random bytes at $at", $leaf);
}

# A page from elsewhere in the file: of the same kind, mostly.
sub other_page
{
	my ($bytes, $block) = @_;
	my %blocks = pages_of_kind($bytes);
	my $kind = kind_of(page_of($bytes, $block));
	my @alike = grep { $_ != $block } @{ $blocks{$kind} // [] };

	return @alike && rand() < 0.6 ? pick(@alike) : int rand length($bytes) / $BLCKSZ;
}

sub copy_page
{
	my ($bytes, $block) = @_;
	my $from = other_page($bytes, $block);
	my $page = page_of($bytes, $from);
	my $leaf = kind_of(page_of($bytes, $block)) eq 'leaf' && kind_of($page) eq 'leaf';

	return (put_page($bytes, $block, $page), "a copy of block $from", 0) if rand() < 0.5;
	$page = set_field($page, 'block_tag', field(page_of($bytes, $block), 'block_tag'));
	return (put_page($bytes, $block, $page), "a copy of block $from that seems to belong there", $leaf);
}

sub swap_pages
{
	my ($bytes, $block) = @_;
	my $other = other_page($bytes, $block);
	my ($a, $b) = (page_of($bytes, $block), page_of($bytes, $other));

	return (put_page(put_page($bytes, $block, $b), $other, $a), "swapped with block $other", 0);
}

# The write of a page was lost, or only half of it arrived.
sub lose_write
{
	my ($bytes, $block, $older) = @_;
	my $page = page_of($bytes, $block);
	my $before = length($older) >= ($block + 1) * $BLCKSZ ? page_of($older, $block) : "\0" x $BLCKSZ;
	my $half = $BLCKSZ / 2;
	my ($old, $what) = @{
		pick([ $before, 'as it was earlier' ],
			[ $before, 'as it was earlier' ],
			[ substr($before, 0, $half) . substr($page, $half), 'its first half as it was earlier' ],
			[ substr($page, 0, $half) . substr($before, $half), 'its second half as it was earlier' ])
	};

	return (put_page($bytes, $block, $old), $what, kind_of($page) eq 'leaf');
}

sub take_stranger
{
	my ($bytes, $block, undef, $stranger) = @_;
	my $page = page_of($bytes, $block);
	my $from = length($stranger) >= ($block + 1) * $BLCKSZ ? $block : int rand length($stranger) / $BLCKSZ;

	return (put_page($bytes, $block, page_of($stranger, $from)), "block $from of another index",
		kind_of($page) eq 'leaf');
}

# Two entries name the same child, or the same centroid.
sub name_twice
{
	my ($bytes, $block) = @_;
	my %blocks = pages_of_kind($bytes);
	my @inner = @{ $blocks{inner} // [] };

	return flip_bits($bytes, $block) unless @inner;
	$block = pick(@inner);
	my $page = page_of($bytes, $block);
	my $from = page_of($bytes, pick($block, @inner));
	my $i = int rand tuple_count($page);
	my $name = pick('child', 'child', 'centroid_slot');
	my $value = entry_field($from, int rand tuple_count($from), $name);

	return (put_page($bytes, $block, set_entry_field($page, $i, $name, $value)),
		"of block $block, entry $i names $name $value too", 0);
}

sub cut_file
{
	my ($bytes, $block) = @_;
	my $end = $block * $BLCKSZ + pick(0, 0, int rand $BLCKSZ);

	return (substr($bytes, 0, $end), "file cut off after $end bytes", 0);
}

sub blank
{
	my ($bytes, $block) = @_;
	my $with = pick("\0", "\0", "\xff");

	return (put_page($bytes, $block, $with x $BLCKSZ), sprintf('all 0x%02x', ord $with), 0);
}

# damage_at_random(BYTES, OLDER, STRANGER): other bytes and what was done.  OLDER is
# the file at an earlier time, STRANGER that of another index.
sub damage_at_random
{
	my ($bytes, $older, $stranger) = @_;
	my %blocks = pages_of_kind($bytes);
	# every kind of page gets its turn
	my $block = rand() < 0.7 ? pick(@{ $blocks{ pick(sort keys %blocks) } }) :
	  int rand length($bytes) / $BLCKSZ;
	my $way = pick(\&spoil_field, \&spoil_field, \&spoil_field, \&flip_bits, \&flip_bits, \&put_noise,
		\&copy_page, \&copy_page, \&swap_pages, \&lose_write, \&lose_write, \&take_stranger, \&name_twice,
		\&cut_file, \&blank, \&blank);
	my $kind = kind_of(page_of($bytes, $block));
	my ($spoilt, $what, $unseen) = $way->($bytes, $block, $older, $stranger);

	return ($spoilt, { what => "block $block ($kind): $what", block => $block, unseen => $unseen });
}

1;
