/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: a container on the default bridge that knows others there by names of its own, in its
 * hosts file and in its environment. A link belongs to the container that asked for it (the
 * parent), and makes "/parent/alias" a name of the other (the child).
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: nothing; a container's links are its own.
 * Limits: CONTAINER_LINKS_MAX a container.
 */
#ifndef RUNTIME_CONTAINER_LINKS_H
#define RUNTIME_CONTAINER_LINKS_H

#include "runtime/container/private.h"

#define CONTAINER_LINKS_MAX 64

/* "name:alias", "name", or "/child:/parent/alias" as inspect shows it; ERR_INVALID "bad format for
 * links: x". The parts point into text or its copy in the arena. */
int link_parse(const char *text, struct arena *a, const char **ret_name, const char **ret_alias,
	       struct err *e) WARN_UNUSED;
/* Which containers HostConfig.Links means, in the arena. ERR_INVALID "could not get container for
 * x: No such container: x" and its like. */
int links_plan(struct engine *eng, const struct host_config *h, struct arena *a,
	       struct container_link **ret, size_t *ret_n, struct err *e) WARN_UNUSED;
/*
 * For the start of c: lines of the hosts file (address and names), and the environment. All must
 * run on the bridge. ERR_SYSTEM "Cannot link to a non running container: /child AS /parent/alias".
 */
struct link_texts {
	struct text_map hosts; /* names → address */
	struct texts env;
};
int links_describe(const struct container *c, struct arena *a, struct link_texts *ret,
		   struct err *e) WARN_UNUSED;
/* The environment of one link: ports are "80/tcp". Appended to env, which has room for max. */
int link_environment(const char *parent, const char *alias, const char *address,
		     const struct texts *ports, const struct texts *child_env, struct arena *a,
		     struct texts *env, size_t max) WARN_UNUSED;
/* c got an address: those that run and are linked to it learn it. */
void links_tell_address(struct container *c) FIBER_FN;
/* c goes: nobody is linked to it any more. */
void links_forget(struct container *c);
/* Is one of those c is linked to about to run? */
bool links_await(const struct container *c);

#endif
