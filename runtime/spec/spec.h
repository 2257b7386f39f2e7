/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime specification document (config.json of a bundle) for a container, with Docker's
 * defaults for capabilities, masked paths, devices, mounts, sysctls and the seccomp profile.
 * Source: OCI runtime-spec 1.0.2 and the engine's own defaults (WIRE D).
 *
 * Thread: any (pure: input structs to text). Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SPEC_SPEC_H
#define RUNTIME_SPEC_SPEC_H

#include <stdbool.h>

#include "firmware/core/arena.h"
#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "firmware/core/passwd.h"
#include "runtime/cdi/cdi.h"
#include "runtime/model/config.h"

struct spec_mount {
	const char *source, *target;
	bool read_only;
	bool top_only;		   /* without what is mounted below the source */
	bool ro_top_only;	   /* read_only: what is mounted below keeps its ways */
	const char *propagation;   /* NULL: rprivate */
	const char *tmpfs_options; /* not NULL: a tmpfs with these options ("mode=1777,size=…"); no
				      source */
};

struct spec_input {
	const char *id;
	const struct container_config *config; /* already merged with the image's */
	const struct host_config *host;
	const char *const *args; /* NULL-terminated; docker-init prefix is added by the spec when
				    init is set */
	const char *const *env;	 /* final, NULL-terminated */
	const char *cwd;
	const char *hostname; /* NULL with the host's UTS namespace */
	struct passwd_user user;
	const uint32_t *extra_gids;
	size_t n_extra_gids;
	const char *rootfs;
	const char *netns_path;			 /* join this; NULL: the host's network */
	const struct text_map *endpoint_sysctls; /* of its interface, or NULL */
	bool own_netns; /* netns_path was made for this container: set the private-net sysctls */
	const char *ipc_path, *pid_path, *uts_path; /* join (container:X), or NULL */
	const char *shm_path; /* what is bound at /dev/shm; NULL: a tmpfs of its own */
	const char *hosts_path, *hostname_path,
		*resolv_path;  /* bind-mounted unless a mount covers the target */
	const char *init_path; /* our binary, bound at /sbin/docker-init when host->init is on */
	bool ro_recursive;     /* the kernel can make a whole tree of mounts read-only */
	const struct spec_mount *mounts; /* binds and volumes, resolved */
	size_t n_mounts;
	const char *cgroups_path;
	bool cgroup_v2;
	const struct cdi_injection *cdi; /* what devices asked for by name bring, or NULL; their
					    variables and groups are in env and extra_gids */
	const char *const
		*host_devices; /* privileged: NULL-terminated device node paths of the host */
};

/* Write config.json. ERR_INVALID e.g. `unknown capability: "CAP_X"`, ERR_TOO_LARGE. */
int spec_write(const struct spec_input *in, struct buf *out, struct err *e) WARN_UNUSED;

/* The process document for an exec. */
struct spec_exec {
	const char *const *args;
	const char *const *env;
	const char *cwd;
	struct passwd_user user;
	bool tty, privileged;
	const struct host_config *host; /* of the container: capabilities, no_new_privs */
	uint16_t height, width;		/* console size, 0: unset */
};
int spec_write_exec(const struct spec_exec *in, struct buf *out, struct err *e) WARN_UNUSED;

/* Checks at create time: capabilities known, security options understood. */
int spec_check(const struct host_config *host, struct err *e) WARN_UNUSED;
/* Signal by name ("SIGTERM", "TERM") or number text; ERR_INVALID `invalid signal: X`. */
int signal_parse(const char *text, int *ret_signo, struct err *e) WARN_UNUSED;
/* Number of a capability's name as "CAP_KILL", or -1. */
int caps_find(struct str name);
/* The AppArmor profile that was asked for, in the arena; "" for none. */
const char *spec_apparmor(const struct host_config *host, struct arena *a);
/* Effective MaskedPaths and ReadonlyPaths, as inspect shows them. */
void spec_effective_paths(const struct host_config *host, struct arena *a, struct texts *ret_masked,
			  struct texts *ret_readonly);

#endif
