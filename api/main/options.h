/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's options: flags and configuration file keys from one table, named as dockerd's.
 *
 * Thread: main, before the loop. Yields: no. Owns: texts live in the arena given, as long as the
 * process.
 */
#ifndef API_MAIN_OPTIONS_H
#define API_MAIN_OPTIONS_H

#include <stdbool.h>

#include "firmware/core/arena.h"
#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "runtime/options.h"

#define DAEMON_FILE_DEFAULT "/etc/serin/daemon.json"
#define OPTIONS_MEM_MAX (4u << 20)
#define HOST_DEFAULT "unix:///var/run/docker.sock"

struct finch_options;

struct daemon_options {
	struct engine_options engine;
	struct texts hosts;
	struct texts vsock_cids;
	const char *pidfile, *config_file, *group, *log_level, *metrics_addr;
	struct texts runtimes; /* --add-runtime name=path */
	struct texts log_opts; /* --log-opt key=value */
	bool debug, validate, help, version;
	bool no_cdi;			   /* "features": {"cdi": false} */
	const struct finch_options *finch; /* NULL unless called as finch-daemon */
	uint64_t from_flag, from_file;	   /* bit per table row: where a value came from */
};

/*
 * Read the command line (after the program's name), then the configuration file, then fill in
 * defaults. ERR_INVALID with a sentence for the user.
 */
int options_read(int argc, char **argv, struct arena *a, struct daemon_options *ret, struct err *e)
	WARN_UNUSED;
/* Defaults for what is not set in opt, and the checks; done by options_read. */
int options_fill(struct daemon_options *opt, struct arena *a, struct err *e) WARN_UNUSED;
/* The text of --help. */
void options_help(struct buf *out);

/* --- for config_file.c --- */

enum option_kind { OPTION_BOOL, OPTION_TEXT, OPTION_LIST };

struct option {
	const char *flag; /* without dashes; NULL: file only */
	char letter;
	const char *key; /* in the file; NULL: flag only */
	enum option_kind kind;
	uint16_t offset; /* in struct daemon_options */
	const char *argument, *help;
};
extern const struct option option_table[];
extern const size_t option_count;

/* Set or append a value. */
int option_set(const struct option *o, struct daemon_options *opt, struct str value,
	       struct arena *a, struct err *e) WARN_UNUSED;
/* One more text for a list; the list moves. -ENOMEM. */
int option_append(struct texts *list, const char *value, struct arena *a) WARN_UNUSED;
int config_file_read(struct daemon_options *opt, struct arena *a, struct err *e) WARN_UNUSED;

#endif
