/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with one registry (distribution API v2), in jobs: endpoints tried in order,
 * authentication when it is asked for, manifests by tag or digest, blobs as streams that resume
 * where they were cut off.
 *
 * Credentials go to the registry and to the token service it names, never along a redirect, never
 * to a mirror, never into a message or onto disk.
 *
 * Thread: the target is made on the loop and read-only then; a session belongs to one job at a
 * time. Yields: no (blocks). Owns: a session owns its connection and its token. Limits:
 * CONFIG_MANIFEST_KIB_MAX a document; REGISTRY_ATTEMPTS a blob.
 */
#ifndef RUNTIME_IMAGE_REGISTRY_H
#define RUNTIME_IMAGE_REGISTRY_H

#include <stdatomic.h>

#include "firmware/net/http_client.h"
#include "runtime/image/image.h"
#include "runtime/image/manifest.h"

#define REGISTRY_ENDPOINTS_MAX 8
#define REGISTRY_ATTEMPTS 5

struct registry_endpoint {
	const char *base; /* "https://host[:port]", without a slash at the end */
	const char *host; /* "host[:port]", of certs.d */
	bool insecure;	  /* certificates are not verified */
	bool mirror;
};

/* A repository, where it may be found, and who asks. */
struct registry_target {
	const char *path;     /* "library/alpine" */
	const char *familiar; /* "alpine", for messages */
	const char *certs_dir;
	struct registry_endpoint endpoints[REGISTRY_ENDPOINTS_MAX];
	size_t n_endpoints;
	struct registry_auth auth; /* members NULL or not empty */
};
/* Everything is copied into the arena. */
int registry_target_init(struct registry_target *ret, const struct reference *ref,
			 const struct registry_auth *auth, const struct engine_options *opt,
			 struct arena *a, struct err *e) WARN_UNUSED;

/* The registry of a server's address alone ("https://host/v1/", "host:5000"), without mirrors. */
int registry_target_server(struct registry_target *ret, const char *server,
			   const struct registry_auth *auth, const struct engine_options *opt,
			   struct arena *a, struct err *e) WARN_UNUSED;

struct registry_session {
	const struct registry_target *target;
	const atomic_bool *stop;
	size_t endpoint; /* in use */
	bool settled;	 /* it has answered: no other is tried */
	struct http_client *client;
	char *authorization; /* value of the header, or NULL */
	/* To log in: no repository is asked for, and a token service's refresh token is wanted. */
	bool login;
	int timeout_ms;	     /* without progress; 0: as configured */
	int64_t deadline;    /* of all of it, monotonic; 0: none */
	char *refresh_token; /* or NULL */
	struct arena mem;    /* of the certificates' paths */
};
void registry_session_init(struct registry_session *s, const struct registry_target *t,
			   const atomic_bool *stop);
/* Go on where another session found its way: endpoint and token. */
int registry_session_copy(struct registry_session *s, const struct registry_session *from,
			  struct err *e) WARN_UNUSED;
void registry_session_done(struct registry_session *s);

struct registry_document {
	struct str text;
	const char *type;     /* Content-Type, without parameters */
	struct digest digest; /* of the text */
};
/* reference: a tag or a digest, by which the answer is verified. */
int registry_get_manifest(struct registry_session *s, const char *reference, struct arena *a,
			  struct registry_document *ret, struct err *e) WARN_UNUSED;
/* A small blob, verified. */
int registry_get_document(struct registry_session *s, const struct digest *d, struct arena *a,
			  struct str *ret, struct err *e) WARN_UNUSED;
/* All tags, sorted as the registry does. */
int registry_get_tags(struct registry_session *s, struct arena *a, struct texts *ret, struct err *e)
	WARN_UNUSED;

/* A blob from the start to the end; a cut connection is taken up again with Range. */
struct registry_blob {
	struct reader reader;
	struct registry_session *session;
	struct http_client_response *response;
	struct digest digest;
	uint64_t size; /* expected; 0: unknown */
	uint64_t at;
	uint64_t skip;	   /* bytes of a new answer we have already */
	unsigned attempts; /* since the last that brought us forward */
	uint64_t attempt_at;
};
int registry_blob_open(struct registry_blob *b, struct registry_session *s, const struct digest *d,
		       uint64_t size, struct err *e) WARN_UNUSED;

/* --- among the files of this part --- */

#define ACCEPT_MANIFESTS                                                                           \
	TYPE_DOCKER_MANIFEST ", " TYPE_DOCKER_LIST ", " TYPE_OCI_MANIFEST ", " TYPE_OCI_INDEX

/* WWW-Authenticate: scheme and the parameters we use. */
struct challenge {
	enum { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } scheme;
	struct str realm, service, scope, error;
};
/* One header field; a later bearer challenge in the same field wins over basic. */
void challenge_parse(struct str header, struct challenge *ret);
/*
 * Answer a challenge: sets s->authorization. ERR_UNAUTHORIZED-like errors carry the engine's words
 * ("no basic auth credentials"). url is the request that was refused.
 */
int registry_authorize(struct registry_session *s, const struct challenge *c, struct str url,
		       struct err *e) WARN_UNUSED;
/* Open s->client for the endpoint in use unless it is open. */
int registry_connect(struct registry_session *s, struct err *e) WARN_UNUSED;
/* Read a body of at most max bytes into the arena. */
int registry_read_body(struct reader *body, size_t max, struct arena *a, struct str *ret,
		       struct err *e) WARN_UNUSED;
/* Code and message of the first error in an answer's body; untouched when there is none. */
void registry_read_error(struct http_client_response *r, struct arena *a, struct str *code,
			 struct str *message);
/* Go on to the next endpoint, if there is one. */
bool registry_next_endpoint(struct registry_session *s);
/* Turn an answer that is no success into the engine's error. what: for messages ("alpine:latest").
 */
int registry_fail(struct registry_session *s, struct http_client_response *r, const char *reference,
		  struct err *e) WARN_UNUSED;
/*
 * GET base/v2/<path>/<rest> with authentication and redirects; ret's head may be any status but 401
 * and redirects. offset > 0 asks for a range.
 */
int registry_get(struct registry_session *s, const char *rest, const char *accept, uint64_t offset,
		 struct http_client_response **ret, struct err *e) WARN_UNUSED;

#endif
