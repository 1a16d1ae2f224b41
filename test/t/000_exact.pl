# Would catch: an operator that computes another distance than the ground
# truth was made with, and a reader of the vector files that misreads them.

use strict;
use warnings;

use HvTest;
use Test::More;

my $node = new_node('exact');

# Do the table's sorts and distances agree with the truth beside it?
sub compare_with_truth
{
	my ($set) = @_;
	my ($table, $metric) = @{$set}{qw(table metric)};

	is(recall($node, $set, 100, ''),
		1, "$set->{set} $metric: a sort finds the true 100 nearest");

	# the distances themselves, to the precision of float sums
	is( $node->safe_psql(
			'postgres', qq{
			SELECT count(*) FROM ${table}_truth g JOIN ${table}_query q USING (id),
				unnest(g.ids, g.kth) n(id, d) JOIN $table t ON t.id = n.id
			WHERE abs((t.v $set->{operator} q.v) - n.d) > 2e-6 * greatest(abs(n.d), 1)}),
		0, "$set->{set} $metric: distances are those of the ground truth");
	return;
}

SKIP:
{
	skip 'sift-5k-128 is not there', 2 unless have_sets('sift-5k-128');
	compare_with_truth(load_set($node, 'sift-5k-128', 'l2', table => 'sift', queries => 10));
}
SKIP:
{
	skip 'bge-micro-384 is not there', 2 unless have_sets('bge-micro-384');
	compare_with_truth(
		load_set($node, 'bge-micro-384', 'cosine', table => 'bge', queries => 10));
}
SKIP:
{
	skip 'cohere-1536 is not there', 6 unless have_sets('cohere-1536');
	my $set = load_set($node, 'cohere-1536', 'l2', table => 'cohere', queries => 10);

	compare_with_truth($set);
	compare_with_truth(with_metric($node, $set, $_)) foreach ('ip', 'cosine');
}

my $made = make_clustered($node, 'l2', rows => 500, dims => 20, queries => 5);
is(recall($node, $made, 10, ''), 1, 'generated vectors: a sort is exact');
is( $node->safe_psql('postgres', 'SELECT count(*), min(cardinality(v)), max(id) FROM items'),
	'500|20|499',
	'generated vectors: as many as asked for');

$node->stop;
done_testing();
