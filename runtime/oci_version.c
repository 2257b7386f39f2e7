/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/oci_version.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "firmware/core/clock.h"
#include "firmware/core/log.h"
#include "firmware/sched/child.h"
#include "runtime/engine.h"

enum { ASK_MS = 2000, AGAIN_MS = 30000, PROGRAM_MAX = 1024 };

void oci_version_init(struct oci_version_cache *c)
{
	*c = (struct oci_version_cache){.size = -1};
	fiber_lock_init(&c->lock);
}

static int64_t changed_ns(const struct stat *st)
{
	return st->st_ctim.tv_sec * NSEC_PER_SEC + st->st_ctim.tv_nsec;
}

static bool is_known(const struct oci_version_cache *c, const struct stat *st)
{
	return c->dev == st->st_dev && c->ino == st->st_ino && c->size == st->st_size &&
	       c->changed_ns == changed_ns(st) && (!c->again_at || clock_mono() < c->again_at);
}

static int ask(const char *program, struct arena *a, struct oci_version *ret, struct err *e)
	FIBER_FN
{
	const char *const argv[] = {program, "--version", NULL};
	const struct child_spec spec = {.path = program, .argv = argv, .new_session = true};
	struct str output;
	int status, r = child_run(&spec, clock_in_ms(ASK_MS), a, &status, &output, e);

	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_SYSTEM, "%s --version failed", program);
	oci_version_parse(output, ret);
	return ret->version[0] || ret->commit[0]
		       ? 0
		       : err_set(e, ERR_SYSTEM, "%s --version: unknown output format", program);
}

static NOINLINE void refresh(struct engine *eng, const char *program, const struct stat *st,
			     struct arena *a) FIBER_FN
{
	struct oci_version_cache *c = &eng->oci_version;
	struct oci_version heard = {{0}, {0}};
	struct err e = ERR_INIT;
	int r = ask(program, a, &heard, &e);

	if (r < 0 && fiber_cancelled())
		return; /* nothing is known of the program by that */
	if (r < 0)
		log_warn("failed to retrieve the runtime's version: %s", e.msg);
	c->heard = heard;
	c->dev = st->st_dev;
	c->ino = st->st_ino;
	c->size = st->st_size;
	c->changed_ns = changed_ns(st);
	c->again_at = r < 0 ? clock_in_ms(AGAIN_MS) : 0;
}

void oci_version_get(struct engine *eng, struct arena *a, struct oci_version *ret)
{
	struct oci_version_cache *c = &eng->oci_version;
	const char *name = engine_runtime_path(eng, NULL);
	char program[PROGRAM_MAX];
	struct stat st;

	*ret = (struct oci_version){{0}, {0}};
	if (!name || child_find_program(name, program, sizeof(program)) < 0 ||
	    stat(program, &st) < 0)
		return;
	if (!is_known(c, &st)) {
		if (fiber_lock_take(&c->lock, clock_in_ms(ASK_MS)) < 0)
			return;
		if (!is_known(c, &st)) /* who waited has the answer of the one before */
			refresh(eng, program, &st, a);
		fiber_lock_release(&c->lock);
	}
	*ret = c->heard;
}
