/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging in is asking the registry for nothing (GET /v2/) with the credentials. A registry that
 * cannot be spoken to on one endpoint is tried on the next; one that refuses is not.
 */
#include <errno.h>

#include "firmware/core/config.h"
#include "firmware/core/clock.h"
#include "firmware/core/mem.h"
#include "runtime/image/registry.h"
#include "runtime/image/store.h"

#define ARENA_MAX (64u * 1024)
#define ANSWER_MS 15000 /* as the engine has it */
#define LOGIN_MS 30000	/* two ways to the registry, and a token service that keeps talking */
#define QUEUE_MS 60000
#define AT_ONCE 2

/* Few at once: registries that do not answer must not keep all workers from pulls and commits. */
static struct {
	unsigned running;
	unsigned waiting;
	struct waitq free;
} logins;

struct login {
	struct job job;
	struct arena mem;
	struct registry_target target;
	struct registry_session session;
	bool answered; /* by a registry, if only with a refusal */
};

static int ask(struct login *l, struct err *e)
{
	struct registry_session *s = &l->session;
	struct http_client_response *r = NULL;
	int rc = registry_get(s, "", NULL, 0, &r, e);

	l->answered = r != NULL;
	if (rc < 0 || r->head.status == 200)
		return rc;
	return err_set(e, ERR_SYSTEM, "login attempt to %s/v2/ failed with status: %d %s",
		       s->target->endpoints[s->endpoint].base, r->head.status,
		       http_status_text(r->head.status));
}

static int login_run(struct job *job)
{
	struct login *l = container_of(job, struct login, job);
	int rc;

	do {
		err_clear(&job->err);
		rc = ask(l, &job->err);
	} while (rc < 0 && !l->answered && job->err.kind != ERR_UNAUTHORIZED &&
		 registry_next_endpoint(&l->session));
	/* It is the registry that is wrong, not the request. */
	if (job->err.kind == ERR_INVALID || job->err.kind == ERR_NOT_FOUND) {
		job->err.kind = ERR_SYSTEM;
		rc = err_code(&job->err);
	}
	return rc;
}

static int login(struct login *l, struct image_store *s, const struct registry_auth *auth,
		 struct err *e) FIBER_FN
{
	int rc = registry_target_server(&l->target, auth->server_address, auth, s->opt, &l->mem, e);

	if (rc < 0)
		return rc;
	registry_session_init(&l->session, &l->target, &l->job.stop);
	l->session.login = true;
	l->session.timeout_ms = ANSWER_MS;
	l->session.deadline = clock_in_ms(LOGIN_MS);
	rc = job_run(&l->job, login_run, JOB_LONG);
	if (rc == -EAGAIN && !l->job.err.msg[0])
		err_set(&l->job.err, ERR_UNAVAILABLE, "too many operations at once");
	if (rc < 0)
		*e = l->job.err;
	return rc;
}

static int take_turn(struct err *e) FIBER_FN
{
	int64_t deadline = clock_in_ms(QUEUE_MS);
	int r = 0;

	if (!logins.running && !logins.waiting)
		waitq_init(&logins.free);
	logins.waiting++;
	while (r == 0 && logins.running >= AT_ONCE)
		r = waitq_wait(&logins.free, deadline);
	logins.waiting--;
	if (r == -ECANCELED)
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (r < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many logins at once");
	logins.running++;
	return 0;
}

static void give_turn(void)
{
	logins.running--;
	waitq_wake_all(&logins.free);
}

int image_registry_login(struct image_store *s, const struct registry_auth *auth, struct arena *a,
			 const char **ret_token, struct err *e) FIBER_FN
{
	struct login *l;
	const char *token = NULL;
	int rc;

	if (!CONFIG(REGISTRY))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "speaking to registries is not built in (CONFIG_REGISTRY)");
	l = mem_alloc(sizeof(*l));
	if (!l)
		return err_sys(e, ENOMEM, "login");
	arena_open_heap(&l->mem, ARENA_MAX);
	rc = take_turn(e);
	if (rc == 0) {
		rc = login(l, s, auth, e);
		give_turn();
	}
	if (rc == 0 && l->session.refresh_token) {
		token = arena_strdup(a, l->session.refresh_token);
		if (!token)
			rc = err_sys(e, ENOMEM, "login");
	}
	registry_session_done(&l->session);
	arena_done(&l->mem);
	mem_free(l);
	if (rc == 0)
		*ret_token = token;
	return rc;
}
