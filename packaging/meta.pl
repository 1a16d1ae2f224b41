#!/usr/bin/perl
#
# packaging/meta.pl [FOLDER]
#	Is META.json in FOLDER (default: here) what PGXN's specification 1.0.0 asks
#	for?  Required fields, forms of versions, and files that are there.

use strict;
use warnings;

use JSON::PP;

my $folder = $ARGV[0] // '.';
my @wrong;

open my $file, '<:raw', "$folder/META.json" or die "$folder/META.json: $!\n";
my $meta = eval { JSON::PP->new->utf8->decode(do { local $/; <$file> }) } or die "META.json is not JSON: $@";

# a semantic version, as PGXN has it
my $version = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[A-Za-z][A-Za-z0-9-]*)?$/;

# the first argument is a truth, not a list of matches
sub want($$)
{
	my ($good, $what) = @_;

	push @wrong, $what unless $good;
	return;
}

foreach my $field (qw(name version abstract maintainer license provides meta-spec))
{
	want(defined $meta->{$field} && $meta->{$field} ne '', "$field is missing");
}
want(($meta->{name} // '') =~ m{^[^\s/\\\x00-\x1f]{2,}$}, 'name has characters that it may not have');
want(($meta->{version} // '') =~ $version, 'version is no semantic version');
want(!defined $meta->{release_status} || $meta->{release_status} =~ /^(stable|testing|unstable)$/, 'release_status is none');
want(ref $meta->{'meta-spec'} eq 'HASH' && ($meta->{'meta-spec'}{version} // '') =~ /^1\.0\.\d+$/, 'meta-spec is not of version 1.0');
want(!defined $meta->{tags} || !grep({ ref || length > 255 } @{ $meta->{tags} }), 'a tag is no short string');
my @people = ref $meta->{maintainer} ? @{ $meta->{maintainer} } : $meta->{maintainer} // ();
want(@people > 0 && !grep({ !/\S/ } @people), 'maintainer names nobody');

my $provides = ref $meta->{provides} eq 'HASH' ? $meta->{provides} : {};
want(%$provides > 0, 'provides nothing');
foreach my $name (sort keys %$provides)
{
	my $extension = $provides->{$name};

	want(($extension->{version} // '') =~ $version, "$name: version is no semantic version");
	foreach my $field (qw(file docfile))
	{
		want(defined $extension->{file}, "$name: file is missing") if $field eq 'file';
		want(-f "$folder/$extension->{$field}", "$name: there is no $extension->{$field}") if defined $extension->{$field};
	}
}
foreach my $phase (values %{ $meta->{prereqs} // {} })
{
	foreach my $relation (keys %$phase)
	{
		want($relation =~ /^(requires|recommends|suggests|conflicts)$/, "prereqs: $relation");
		want($_ eq '0' || /^(?:[<>=!]=? *)?\d+\.\d+\.\d+/, "prereqs: $_ is no range of versions") foreach values %{ $phase->{$relation} };
	}
}

print "META.json: $_\n" foreach @wrong;
exit(@wrong > 0);
