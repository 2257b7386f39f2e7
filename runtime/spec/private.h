/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the runtime document, one file each, and what they share.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SPEC_PRIVATE_H
#define RUNTIME_SPEC_PRIVATE_H

#include "firmware/fmt/json.h"
#include "runtime/spec/spec.h"

/* caps.c: sets of capabilities, bit n is capability n */
#define CAP_BIT(n) (1ULL << (n))
/* The container's set after CapAdd, CapDrop and Privileged. */
int caps_resolve(const struct host_config *host, uint64_t *ret, struct err *e) WARN_UNUSED;
/* All that the kernel knows and we could give. */
uint64_t caps_all(void);
/* "capabilities" member; a user other than root gets the bounding set alone. */
void caps_write(struct json_writer *w, uint64_t caps, bool root);

/* security_opt.c */
struct security {
	bool no_new_privs;
	bool seccomp_off;
	struct str apparmor;
	struct str seccomp; /* profile given inline, or empty: ours */
	bool paths_unconfined, writable_cgroups;
};
int security_parse(const struct host_config *host, struct security *ret, struct err *e) WARN_UNUSED;

/* seccomp.c: our default profile */
void seccomp_write_default(struct json_writer *w, uint64_t caps);
void seccomp_write_architectures(struct json_writer *w);
/* seccomp_profile.c: one in the engine's format, to the runtime's; w NULL only checks it. */
int seccomp_write_profile(struct json_writer *w, struct str profile, uint64_t caps, struct err *e)
	WARN_UNUSED;

/* mounts.c */
int mounts_write(struct json_writer *w, const struct spec_input *in, const struct security *sec,
		 struct err *e) WARN_UNUSED;
/* Options of HostConfig.Tmpfs. */
int tmpfs_check(const char *options, struct err *e) WARN_UNUSED;
/* "shared", "slave" or NULL: what the bind mounts need of the root. */
const char *mounts_root_propagation(const struct spec_input *in);

/* devices.c: "devices" of linux, and the list inside of resources */
int devices_write_nodes(struct json_writer *w, const struct spec_input *in, struct err *e)
	WARN_UNUSED;
int devices_write_rules(struct json_writer *w, const struct spec_input *in, struct err *e)
	WARN_UNUSED;
/* One rule; a number below 0 stands for any, and no type for all. */
void devices_write_rule(struct json_writer *w, bool allow, const char *type, int64_t major,
			int64_t minor, const char *access);
/* One rule in the kernel's words ("c 1:3 rwm", "b *:* r"). */
int devices_write_rule_text(struct json_writer *w, const char *text, struct err *e) WARN_UNUSED;

/* injection.c: what devices asked for by name bring (runtime/cdi); nothing without one. */
void injection_write_nodes(struct json_writer *w, const struct spec_input *in);
void injection_write_rules(struct json_writer *w, const struct spec_input *in);
void injection_write_hooks(struct json_writer *w, const struct spec_input *in);
void injection_write_rdt(struct json_writer *w, const struct spec_input *in);
/* Call visit with each mount that counts. */
void injection_each_mount(const struct spec_input *in,
			  void (*visit)(void *arg, const struct cdi_mount *m), void *arg);
/* Does a device bring a mount there, or a node? */
bool injection_mounts(const struct spec_input *in, const char *target);
bool injection_has_node(const struct spec_input *in, const char *path);

/* resources.c */
int resources_write(struct json_writer *w, const struct spec_input *in, struct err *e) WARN_UNUSED;
int rlimits_write(struct json_writer *w, const struct host_config *host, struct err *e) WARN_UNUSED;

/* Is this namespace mode one of the container's own (neither host nor another container's)? */
bool mode_is_private(const char *mode);
bool mode_is_host(const char *mode);

#endif
