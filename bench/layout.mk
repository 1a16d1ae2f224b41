# layout: what the ways to code and store rows would cost, without a server
#
#	make -C bench layout

LAYOUT_PROGRAMS = layout

layout: $(OBJ)/layout.o $(OBJ)/layoutprice.o $(OBJ)/layoutrule.o $(OBJ)/layouttree.o \
		$(OBJ)/layoutrank.o $(OBJ)/hvspace.o $(OBJ)/hvcode.o $(OBJ)/hvkmeans.o $(OBJ)/hvselect.o \
		$(filter-out $(OBJ)/hvspace.o $(OBJ)/hvcode.o $(OBJ)/hvkmeans.o $(OBJ)/hvselect.o, \
			$(sort $(OBJ)/hvexact.o $(OBJ)/hvmetric.o $(VECTORS) $(ARITHMETIC)))
	$(CC) $(BENCH_CFLAGS) $(LDFLAGS) -o $@ $^ -lm
