/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called as finch-daemon: Finch Daemon's flags and configuration file, turned into the daemon's
 * options.
 *
 * Thread: main, before the loop. Yields: no. Owns: texts live in the arena given.
 * Limits: CONFIG_FINCH.
 */
#ifndef API_MAIN_FINCH_H
#define API_MAIN_FINCH_H

#include <stdbool.h>
#include <stdint.h>

#include "api/main/options.h"
#include "firmware/core/arena.h"
#include "firmware/core/err.h"

#define FINCH_CONFIG_FILE "/etc/finch/finch.toml"
#define FINCH_DATA_ROOT "/var/lib/nerdctl"

struct finch_options {
	const char *socket_addr, *credential_addr, *debug_addr, *config_file, *pidfile, *rego_file;
	int64_t socket_owner, credential_owner; /* uid and gid; below 0: nobody in particular */
	bool debug, skip_rego_check, experimental, help, version;
	bool config_given;
};

/* Defaults, then the command line (without the program's name). ERR_INVALID in pflag's words. */
int finch_read_flags(int argc, char **argv, struct arena *a, struct finch_options *ret,
		     struct err *e) WARN_UNUSED;
/*
 * The flags and the file into ret, which must be zeroed; ret->finch points to flags. What has no
 * meaning here is logged. A missing file is fine, a key nobody knows is ERR_INVALID.
 */
int finch_fill_options(const struct finch_options *flags, struct arena *a,
		       struct daemon_options *ret, struct err *e) WARN_UNUSED;
/* The keys of a configuration file's text, for finch_fill_options. */
int finch_read_config(struct str text, struct arena *a, struct daemon_options *ret, struct err *e)
	WARN_UNUSED;
/* Make DOCKER_CONFIG of this process what a build's programs need; failures are logged. */
void finch_set_docker_config(int64_t uid, struct arena *a);
void finch_help(struct buf *out);

#endif
