/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine was started with: the options of the command line and the configuration file,
 * resolved and checked by main, read-only afterwards.
 *
 * Thread: any (read-only). Yields: no. Owns: texts live as long as the process.
 */
#ifndef RUNTIME_OPTIONS_H
#define RUNTIME_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/fmt/bind.h"

#define RUNTIMES_MAX 8

struct runtime_choice {
	const char *name; /* "runc", "crun", … as HostConfig.Runtime names it */
	const char *path; /* program, found on PATH when without a slash */
};

struct engine_options {
	const char *data_root; /* absolute; blobs, layers, containers */
	const char *exec_root; /* absolute; bundles, sockets, namespaces: gone with a reboot */
	const char *self_path; /* our own binary, for shims and docker-init */
	const char *bridge;    /* bridge interface; "docker0" unless told, "none" for no bridge */
	const char *bip;       /* bridge address as CIDR; "172.17.0.1/16" unless told */
	struct texts dns, dns_search, dns_opts;
	struct texts insecure_registries; /* host[:port] or CIDR */
	struct texts registry_mirrors;	  /* URLs, for docker.io */
	struct texts labels;
	struct texts cdi_spec_dirs; /* files that describe devices; empty: none is known by name */
	const char *certs_dir;	    /* per-registry CAs: <certs_dir>/<host:port>/ *.crt;
				       /etc/docker/certs.d */
	struct runtime_choice runtimes[RUNTIMES_MAX];
	size_t n_runtimes;
	const char *default_runtime;
	const char *
		storage_driver; /* "overlay2" or "vfs"; NULL = overlay2 where it mounts, else vfs */
	const char *cgroup_parent;	/* default "docker" → /docker/<id> */
	const char *default_log_driver; /* "json-file" */
	struct text_map default_log_opts;
	bool debug;
	bool auto_pull; /* a create pulls the image it lacks */
};

#endif
