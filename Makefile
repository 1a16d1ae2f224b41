# Makefile of hvindex
#
#	make, make install		build and install for the PostgreSQL of PG_CONFIG
#	make installcheck		SQL regression tests on a running server
#	make check				every test, each in a throw-away cluster
#	make check-matrix		the server tests on PostgreSQL 17 and 18, in root folders
#	make demo				a small benchmark on generated vectors
#	make bench DATA=dir		the benchmark on the vector sets in a folder
#	make bench-1m			the benchmark on a million generated vectors
#	make bench-growth DATA=dir	how an index lives: inserts, deletes, VACUUM
#	make bench-compare DATA=dir	hvtree beside pgvector's indexes; ROOT=dir: in the
#							Debian system that lies there (bench/in_root.sh)
#	make bench-load			many clients at a time; ROOT=dir as above
#	make fuzz TRIALS=n SEED=n	damages indexes at random, and uses them
#	make style				layers, sizes, indentation
#	make bump VERSION=x		the next version, everywhere
#
# check, demo and bench install missing Debian packages by name first
# (test/setup.sh) and never write into an installed PostgreSQL: they use a
# private copy of it (test/tempinstall.sh).

EXTENSION = hvindex
MODULE_big = hvindex
# every source of every layer (src/README, "Layers"), seen from wherever make runs
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
SOURCES = $(patsubst $(here)/%,%,$(wildcard $(here)/src/*/*.c))
OBJS = $(SOURCES:.c=.o)
# also of the companion for pgvector's types: SQL only, its functions are in the same library
DATA = $(patsubst $(here)/%,%,$(wildcard $(here)/extension/hvindex*--*.sql $(here)/extension/*.control))
PGFILEDESC = "hvindex - vector index access method in ordinary index pages"

REGRESS = $(sort $(basename $(notdir $(wildcard $(here)/expected/*.out))))
REGRESS_OPTS = --inputdir=$(here) --load-extension=hvindex
# the specs race_* need a build with -DHV_DEBUG_POINTS (test/check.sh)
ISOLATION = $(filter-out race_%,$(sort $(basename $(notdir $(wildcard $(here)/test/specs/*.spec)))))
ISOLATION_OPTS = --inputdir=$(here)/test --load-extension=hvindex
EXTRA_CLEAN = $(wildcard src/*/*.gcda src/*/*.gcno) test/output_iso

# The same sums on every processor: only the kernels ask for fused
# multiply-add, and they do it by name.
PG_CFLAGS = -ffp-contract=off -fvisibility=hidden
PG_CPPFLAGS = -I$(here)/src

# Inlining into JIT-compiled expressions gains nothing for functions that
# spend their time in kernels behind a pointer, and clang would be needed.
override with_llvm = no

PG_CONFIG ?= pg_config
FOLDER = $(if $(HV_DATA),$(HV_DATA),$(wildcard ../shared/data))

# These targets work before PostgreSQL's headers are installed.
OWN_TARGETS = check check-matrix demo bench bench-1m bench-growth bench-compare bench-load fuzz style bump format-fixture dist deb lint
OWN_GOALS = $(filter $(OWN_TARGETS),$(MAKECMDGOALS))

ifneq ($(OWN_GOALS),)

.PHONY: $(OWN_TARGETS)

# On the command line DATA names the folder of vector sets for these.
ifeq ($(origin DATA),command line)
FOLDER = $(DATA)
endif

check:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" test/check.sh

check-matrix:
	@HV_DATA="$(FOLDER)" test/matrix.sh $(MAJORS)

demo:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" test/with_install.sh bench/demo.sh

bench:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" test/with_install.sh bench/run_sets.sh

bench-1m:
	@PG_CONFIG="$(PG_CONFIG)" test/with_install.sh bench/run_1m.sh

SOMEWHERE = $(if $(ROOT),bench/in_root.sh "$(ROOT)",test/with_install.sh)

bench-compare:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" $(SOMEWHERE) bench/compare.sh

bench-load:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" $(SOMEWHERE) bench/load.sh

bench-growth:
	@PG_CONFIG="$(PG_CONFIG)" HV_DATA="$(FOLDER)" test/with_install.sh bench/run_growth.sh

fuzz:
	@PG_CONFIG="$(PG_CONFIG)" HV_TRIALS="$(TRIALS)" HV_SEED="$(SEED)" test/fuzz.sh

style:
	@test/style.sh

format-fixture:
	@PG_CONFIG="$(PG_CONFIG)" test/with_install.sh test/format/make.sh

dist:
	@packaging/dist.sh

deb:
	@PG_CONFIG="$(PG_CONFIG)" packaging/deb.sh

lint:
	@PG_CONFIG="$(PG_CONFIG)" test/lint.sh

bump:
	@packaging/bump.sh "$(VERSION)"

else

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifeq ($(wildcard $(PGXS)),)
all install installcheck clean:
	@echo "PostgreSQL's server headers were not found by '$(PG_CONFIG) --pgxs'." >&2
	@echo "Install them (Debian: postgresql-server-dev-15) or name PG_CONFIG." >&2
	@exit 1
else
include $(PGXS)

# Arithmetic without kernels of its own, which the compiler vectorises: a
# rotation of 1,024 dimensions takes 4.4 us with -O2, 1.3 us with -O3.  Nobody
# asks for floating-point traps, and without them loops that cut values off are
# vectorised too.
VECTORISED = $(addprefix src/arithmetic/,hvcode.o hvkmeans.o hvmetric.o hvrotate.o hvspace.o) \
	$(addprefix src/build/,hvpartition.o hvrefine.o)
$(VECTORISED): CFLAGS += -O3 -fno-trapping-math

# few files, so that every one may depend on every header
$(OBJS): $(wildcard $(here)/src/*/*.h)

# folders for objects, where make runs outside the source tree (make itself would
# take those of the sources for them)
ifneq ($(here),.)
$(shell mkdir -p $(sort $(dir $(OBJS))))
endif
endif

endif
