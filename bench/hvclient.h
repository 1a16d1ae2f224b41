/*-------------------------------------------------------------------------
 *
 * hvclient.h
 *	  What the programs ask of libpq.  Every failure ends the program with the
 *	  server's message.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvclient.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCLIENT_H
#define HVCLIENT_H

#include <stdbool.h>

#include <libpq-fe.h>

/* Connects; conninfo may be "", the environment then says where to. */
extern PGconn *HvConnect(const char *conninfo);

/* Runs a command (printf-like) and forgets its result. */
extern void HvExec(PGconn *conn, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Runs a query and keeps its result; PQclear it. */
extern PGresult *HvQuery(PGconn *conn, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* first field of the first row; 0 where there is none or it is null */
extern double HvQueryNumber(PGconn *conn, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Ends the program unless the result is of the wanted status. */
extern void HvCheckResult(PGconn *conn, const PGresult *result, ExecStatusType wanted);

/* does the database have a function of this name? */
extern bool HvHasFunction(PGconn *conn, const char *name);

#endif							/* HVCLIENT_H */
