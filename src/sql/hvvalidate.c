/*-------------------------------------------------------------------------
 *
 * hvvalidate.c
 *	  What an operator class of hvtree must consist of.
 *
 * NOTES
 *	  An operator class of vectors has exactly two members, both about its input
 *	  type T: support function 1, internal -> internal (hvtype.h), and ordering
 *	  operator 1, (T, T) -> float8, whose results are sorted by a family of float8.
 *	  One of key columns has support function 2 (hvkeytype.h), and the search
 *	  operators of btree or those of arrays; its family may have these operators
 *	  for two types.  All operator classes of a family are of one kind.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvvalidate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "heap/hvkeytype.h"
#include "heap/hvtype.h"
#include "sql/hvvalidate.h"

/* sets of OpFamilyOpFuncGroup: one bit a number */
#define MEMBER(number)	(UINT64CONST(1) << (number))

/* what the families of key columns have */
#define COMPARISONS \
	(MEMBER(HV_STRATEGY_LESS) | MEMBER(HV_STRATEGY_LESS_EQUAL) | MEMBER(HV_STRATEGY_EQUAL) | \
	 MEMBER(HV_STRATEGY_GREATER_EQUAL) | MEMBER(HV_STRATEGY_GREATER))
#define SET_OPERATORS	(MEMBER(HV_STRATEGY_OVERLAP) | MEMBER(HV_STRATEGY_CONTAINS))

typedef struct Validation
{
	const char *family_name;
	bool		is_key;			/* a family of key columns, not of vectors */
	bool		valid;			/* so far */
} Validation;

/* Says what is wrong, a verb phrase about the family. */
static void
complain(Validation *validation, const char *problem)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s %s",
					validation->family_name, "hvtree", problem)));
	validation->valid = false;
}

static int
support_number(const Validation *validation)
{
	return validation->is_key ? HV_SUPPORT_KEY : HV_SUPPORT_TYPE;
}

static void
check_function(Validation *validation, Form_pg_amproc member)
{
	const char *name = format_procedure(member->amproc);

	if (member->amprocnum != support_number(validation))
		complain(validation,
				 psprintf("contains function %s with invalid support number %d",
						  name, member->amprocnum));
	else if (!check_amproc_signature(member->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		complain(validation,
				 psprintf("contains function %s, which does not take and return internal",
						  name));
	if (member->amproclefttype != member->amprocrighttype)
		complain(validation, psprintf("contains function %s for two different types", name));
}

/* An operator of a family of key columns. */
static void
check_condition(Validation *validation, Form_pg_amop member)
{
	const char *name = format_operator(member->amopopr);

	if (member->amopstrategy < 1 || member->amopstrategy > HV_NSTRATEGIES)
		complain(validation,
				 psprintf("contains operator %s with invalid strategy number %d",
						  name, member->amopstrategy));
	if (member->amoppurpose != AMOP_SEARCH)
		complain(validation,
				 psprintf("contains operator %s, which is not for conditions", name));
	else if (!check_amop_signature(member->amopopr, BOOLOID,
								   member->amoplefttype, member->amoprighttype))
		complain(validation,
				 psprintf("contains operator %s, which does not return boolean", name));
}

static void
check_distance(Validation *validation, Form_pg_amop member)
{
	const char *name = format_operator(member->amopopr);

	if (member->amopstrategy != HV_STRATEGY_DISTANCE)
		complain(validation,
				 psprintf("contains operator %s with invalid strategy number %d",
						  name, member->amopstrategy));
	if (member->amoppurpose != AMOP_ORDER)
		complain(validation,
				 psprintf("contains operator %s, which is not for ordering", name));
	else if (!opfamily_can_sort_type(member->amopsortfamily, FLOAT8OID))
		complain(validation,
				 psprintf("contains operator %s with a sort family that is not for double precision",
						  name));
	if (member->amoplefttype != member->amoprighttype ||
		!check_amop_signature(member->amopopr, FLOAT8OID,
							  member->amoplefttype, member->amoprighttype))
		complain(validation,
				 psprintf("contains operator %s, which is not a distance of two values of one type",
						  name));
}

/* Does the family have, for these types, the operators that it must have? */
static bool
has_operators(const Validation *validation, const OpFamilyOpFuncGroup *group)
{
	if (!validation->is_key)
		return (group->operatorset & MEMBER(HV_STRATEGY_DISTANCE)) != 0;
	return (group->operatorset & COMPARISONS) == COMPARISONS ||
		(group->operatorset & SET_OPERATORS) == SET_OPERATORS;
}

/*
 * Does the family have, for these types, operators and function?  Operators for two
 * types need none.
 */
static void
check_group(Validation *validation, const OpFamilyOpFuncGroup *group)
{
	const char *left = format_type_be(group->lefttype);
	const char *right = format_type_be(group->righttype);

	if (!has_operators(validation, group))
		complain(validation,
				 psprintf(validation->is_key ?
						  "is missing operators for types %s and %s" :
						  "is missing the distance operator for types %s and %s", left, right));
	if ((group->functionset & MEMBER(support_number(validation))) == 0 &&
		(group->lefttype == group->righttype || !validation->is_key))
		complain(validation,
				 psprintf("is missing support function %d for types %s and %s",
						  support_number(validation), left, right));
}

/* Is a family about key columns?  Its functions say so. */
static bool
is_key_family(const CatCList *functions)
{
	for (int i = 0; i < functions->n_members; i++)
	{
		if (((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple))->amprocnum ==
			HV_SUPPORT_KEY)
			return true;
	}
	return false;
}

/* Everything in the family; is what is wanted for the type among it? */
static void
check_family(Validation *validation, Oid family, Oid type)
{
	CatCList   *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	CatCList   *functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family));
	List	   *groups = identify_opfamily_groups(operators, functions);
	bool		found = false;
	ListCell   *cell;

	validation->is_key = is_key_family(functions);
	for (int i = 0; i < functions->n_members; i++)
		check_function(validation,
					   (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop member = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		if (validation->is_key)
			check_condition(validation, member);
		else
			check_distance(validation, member);
	}
	foreach(cell, groups)
	{
		const OpFamilyOpFuncGroup *group = lfirst(cell);

		found |= group->lefttype == type && group->righttype == type;
		check_group(validation, group);
	}
	if (!found)
		complain(validation,
				 psprintf("is missing operator and support function for type %s",
						  format_type_be(type)));
	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
}

/* The name of an operator family, a copy. */
static char *
family_name(Oid family)
{
	HeapTuple	tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", family);
	name = pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname));
	ReleaseSysCache(tuple);
	return name;
}

bool
hvvalidate(Oid opclassoid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;
	Validation	validation;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(tuple);

	validation.family_name = family_name(opclass->opcfamily);
	validation.valid = true;
	check_family(&validation, opclass->opcfamily, opclass->opcintype);
	ReleaseSysCache(tuple);
	return validation.valid;
}

/*
 * The support function is what an operator class is; without its operator the
 * index would be useless but not wrong, so that one is a loose member of the
 * family.
 */
void
hvadjustmembers(Oid opfamilyoid, Oid opclassoid, List *operators, List *functions)
{
	ListCell   *cell;

	foreach(cell, operators)
	{
		OpFamilyMember *member = (OpFamilyMember *) lfirst(cell);

		member->ref_is_hard = false;
		member->ref_is_family = true;
		member->refobjid = opfamilyoid;
	}
	foreach(cell, functions)
	{
		OpFamilyMember *member = (OpFamilyMember *) lfirst(cell);

		if (member->number != HV_SUPPORT_TYPE && member->number != HV_SUPPORT_KEY)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("support function number %d is invalid for access method %s",
							member->number, "hvtree")));
		member->ref_is_hard = true;
	}
}

bool
hvproperty(Oid index_oid, int attno, IndexAMProperty prop, const char *propname,
		   bool *res, bool *isnull)
{
	Oid			opclass;
	Oid			family;
	Oid			type;

	if (attno == 0 || prop != AMPROP_DISTANCE_ORDERABLE)
		return false;
	if (attno > 1)
	{
		*res = *isnull = false;
		return true;
	}

	/* an operator class may lack the operator: CREATE does not validate it */
	opclass = get_index_column_opclass(index_oid, attno);
	if (!OidIsValid(opclass) ||
		!get_opclass_opfamily_and_input_type(opclass, &family, &type))
	{
		*isnull = true;
		return true;
	}
	*res = SearchSysCacheExists4(AMOPSTRATEGY, ObjectIdGetDatum(family),
								 ObjectIdGetDatum(type), ObjectIdGetDatum(type),
								 Int16GetDatum(HV_STRATEGY_DISTANCE));
	*isnull = false;
	return true;
}
