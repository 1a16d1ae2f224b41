# bench/sets.sh: the files of a vector set; source it from bash.
#
#	find_vectors SET PART	prints the file with the base or the query vectors,
#							whatever its values are; nothing where there is none
#	find_truth SET METRIC	the same for the true neighbours; a file that names no
#							metric is for l2
#	make_set SET			makes a set that is made on the spot, unless it is there:
#							text, the definitions of WordNet (hvtext), by cosine
#
# Sets lie in the folder of the variable data; those that are made here in bench/results/sets.
#
#	WORDNET		folder of the dictionary (default /usr/share/wordnet, Debian's package
#				wordnet-base)

made=$here/results/sets
wordnet=${WORDNET:-/usr/share/wordnet}

# first_of FILE...: the first that is there
first_of()
{
	local file
	for file; do
		[ ! -f "$file" ] || { echo "$file"; return; }
	done
}

find_vectors()
{
	first_of {"$data","$made"}/"$1-$2".{fbin,f16bin,u8bin}{,.gz}
}

find_truth()
{
	local plain=
	[ "$2" != l2 ] || plain=$data/$1-gt100.ibin
	first_of {"$data","$made"}/"$1-gt100-$2.ibin" "$plain"
}

make_set()
{
	local part new=$made/new-$1
	[ "$1" = text ] && [ -z "$(find_vectors text base)" ] || return 0
	if [ ! -f "$wordnet/data.noun" ]; then
		echo "text: no dictionary in $wordnet (Debian's package wordnet-base, WORDNET)" >&2
		return 0
	fi
	make -s -C "$here" hvtext hvgt
	mkdir -p "$made"
	"$here/hvtext" --from "$wordnet" --out "$new" >&2
	"$here/hvgt" --base "$new-base.fbin" --query "$new-query.fbin" --metric cosine \
		--out "$new-gt100-cosine.ibin" >&2
	# the base last: it says that all are there
	for part in gt100-cosine.ibin query.fbin base.fbin; do
		mv "$new-$part" "$made/$1-$part"
	done
}
