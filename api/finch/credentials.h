/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry credentials of builds under way, for the helper program that a build's own children
 * start. An entry is known by a random id that only those children are told; it lives in memory
 * and is wiped when the build ends.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: a copy of what was given, until closed.
 * Limits: FINCH_BUILDS_MAX builds at once, FINCH_AUTHS_MAX bytes each.
 */
#ifndef API_FINCH_CREDENTIALS_H
#define API_FINCH_CREDENTIALS_H

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/net/http_server.h"
#include "firmware/net/socket.h"

#define FINCH_BUILDS_MAX 16
#define FINCH_AUTHS_MAX 65536
#define FINCH_BUILD_ID_SIZE 65

/*
 * Begin: auths is the decoded X-Registry-Config of the request, {"host":{…}}. ret_id is 64 hex
 * digits. ERR_INVALID when it is no such object, ERR_UNAVAILABLE when there are too many builds.
 */
int finch_credentials_open(struct str auths, struct arena *a, char ret_id[FINCH_BUILD_ID_SIZE],
			   struct err *e) WARN_UNUSED;
/* End; an unknown id is fine. */
void finch_credentials_close(const char *id);
/* The JSON object for a server as it was given; ERR_NOT_FOUND. */
int finch_credentials_find(struct str id, struct str server, struct arena *a, struct str *ret,
			   struct err *e) WARN_UNUSED;

/* Is the process two generations below parent? 0 or ERR_FORBIDDEN. */
int finch_check_grandchild(pid_t pid, pid_t parent, struct arena *a, struct err *e) WARN_UNUSED;
/* Parent of the process whose /proc/<pid>/stat is text; negative when it makes no sense. */
pid_t finch_parse_parent(struct str text);

/* Serve the credential socket on l, which must outlive the server. */
int finch_credentials_serve(struct listener *l, struct http_server **ret, struct err *e)
	WARN_UNUSED;

#endif
