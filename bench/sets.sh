# bench/sets.sh: the files of a vector set; source it from bash.
#
#	find_vectors SET PART	prints the file with the base or the query vectors,
#							whatever its values are; nothing where there is none
#	find_truth SET METRIC	the same for the true neighbours; a file that names no
#							metric is for l2
#
# Sets lie in the folder of the variable data.

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
	first_of "$data/$1-$2".{fbin,f16bin,u8bin}{,.gz}
}

find_truth()
{
	local plain=
	[ "$2" != l2 ] || plain=$data/$1-gt100.ibin
	first_of "$data/$1-gt100-$2.ibin" "$plain"
}
