/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program called as finch-daemon.
 *
 * A policy (--rego-file) needs an engine for a language of its own. To start without it would open
 * every door that its author believes shut, so the daemon does not start.
 */
#include "api/main/finch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/passwd.h"

#define HELPER "docker-credential-finch"

static int check_policy(const struct finch_options *flags, struct err *e)
{
	struct stat st;

	if (!*flags->rego_file) {
		if (flags->experimental)
			log_info("experimental flag passed, but no experimental features enabled");
		return 0;
	}
	if (!flags->experimental)
		return err_set(e, ERR_INVALID,
			       "rego file provided without experimental flag - OPA middleware is "
			       "an experimental feature, please enable it with '--experimental' "
			       "flag");
	if (!str_ends(str_from(flags->rego_file), ".rego"))
		return err_set(e, ERR_INVALID, "invalid file extension for Rego file: %s",
			       flags->rego_file);
	if (stat(flags->rego_file, &st) < 0)
		return err_sys(e, errno, "rego file %s", flags->rego_file);
	if (!flags->skip_rego_check && (st.st_mode & 0177))
		return err_set(e, ERR_INVALID,
			       "rego file permissions %o are too permissive; maximum allowable "
			       "permissions: 600",
			       (unsigned)(st.st_mode & 0777));
	return err_set(e, ERR_NOT_IMPLEMENTED,
		       "policies in Rego are not built in; without --rego-file every client of the "
		       "socket may do all, so guard the socket itself (--socket-owner)");
}

static bool on_path(const char *program)
{
	struct str dirs = str_from(getenv("PATH"));
	char file[512];

	while (dirs.n) {
		struct str dir = str_cut(dirs, ':', &dirs);

		if (dir.n &&
		    text_format(file, sizeof(file), STR_FMT "/%s", STR_ARG(dir), program) &&
		    access(file, X_OK) == 0)
			return true;
	}
	return false;
}

/* Home folders belong to users: nothing below is followed where it leads elsewhere. */
static int open_below(int dir, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "making %s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "opening %s", name) : fd;
}

static int write_config(const char *home, struct err *e)
{
	CLEANUP_FD int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int finch = -1, own = -1;

	if (dir < 0)
		return err_sys(e, errno, "opening %s", home);
	finch = open_below(dir, ".finch", e);
	if (finch < 0)
		return err_code(e);
	own = open_below(finch, ".finch-daemon", e);
	if (own < 0)
		return err_code(e);
	return file_replace_at(own, "config.json", STR("{\n    \"credsStore\": \"finch\"\n}\n"),
			       0600, false, e);
}

void finch_set_docker_config(int64_t uid, struct arena *a)
{
	struct err e = ERR_INIT;
	struct passwd_user user;
	struct str passwd;
	const char *dir, *spec = arena_printf(a, "%lld", (long long)uid);

	if (uid < 0) {
		log_info("skipping docker config setup");
		return;
	}
	if (!spec || file_read_at(AT_FDCWD, "/etc/passwd", 1 << 20, a, &passwd, &e) < 0 ||
	    passwd_resolve(str_from(spec), passwd, STR(""), &user, &e) < 0) {
		log_warn("docker config: %s", e.msg);
		return;
	}
	if (!on_path(HELPER)) {
		log_warn("%s not found in PATH, credential store will not be configured", HELPER);
		dir = arena_printf(a, "%s/.finch", user.home);
	} else {
		dir = arena_printf(a, "%s/.finch/.finch-daemon", user.home);
		if (write_config(user.home, &e) < 0) {
			log_warn("failed to write docker config file: %s", e.msg);
			return;
		}
	}
	if (dir && setenv("DOCKER_CONFIG", dir, 1) == 0)
		log_info("setup done %s", dir);
}

int finch_main(int argc, char **argv)
{
	static struct finch_options flags;
	static struct daemon_options opt;
	static struct arena mem;
	struct err e = ERR_INIT;

	arena_open_heap(&mem, OPTIONS_MEM_MAX);
	if (finch_read_flags(argc, argv, &mem, &flags, &e) < 0)
		goto refuse;
	if (flags.help) {
		struct buf out CLEANUP_BUF;

		buf_init_heap(&out, 64 << 10);
		finch_help(&out);
		fputs(buf_text(&out), stdout);
		return 0;
	}
	if (flags.version) {
		printf("finch-daemon version %s\n", CONFIG_VERSION);
		return 0;
	}
	if (check_policy(&flags, &e) < 0) {
		(void)err_wrap(&e, "failed to create a router");
		goto refuse;
	}
	if (finch_fill_options(&flags, &mem, &opt, &e) < 0)
		goto refuse;
	finch_set_docker_config(flags.credential_owner, &mem);
	return daemon_live("finch-daemon", &mem, &opt);
refuse:
	fprintf(stderr, "finch-daemon: %s\n", e.msg);
	return 1;
}
