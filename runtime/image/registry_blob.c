/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob as a stream that survives cut connections. Whoever reads keeps hashing and unpacking; we
 * ask again from the byte where it stopped. A server that ignores Range sends all again, and what
 * we have is skipped.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "runtime/image/registry.h"

#define BACKOFF_FIRST_MS 200
#define PROGRESS_MIN (32u << 20) /* bytes after which a connection counts as having worked */

static bool stopped(const struct registry_blob *b)
{
	return b->session->stop && atomic_load(b->session->stop);
}

/* Sleep in small steps, so that a stop is seen. */
static int back_off(const struct registry_blob *b, struct err *e)
{
	unsigned ms = BACKOFF_FIRST_MS << (2 * MIN(b->attempts, 3u));
	const struct timespec step = {.tv_nsec = 50000000};

	for (unsigned slept = 0; slept < ms; slept += 50) {
		if (stopped(b))
			return err_sys(e, ECANCELED, "download");
		nanosleep(&step, NULL);
	}
	return 0;
}

/* Where a partial answer begins: "bytes 100-199/200". */
static bool range_starts_at(const struct http_client_response *r, uint64_t at)
{
	struct str rest, range = http_get_header(&r->head, "Content-Range");
	uint64_t first;

	if (!str_starts(range, "bytes "))
		return false;
	return str_to_u64(str_cut(str_span(range.p + 6, range.n - 6), '-', &rest), &first) == 0 &&
	       first == at;
}

/* 1: worth another try. */
static int request(struct registry_blob *b, struct err *e)
{
	struct http_client_response *r;
	char rest[128];
	int rc, status;

	b->response = NULL;
	snprintf(rest, sizeof(rest), "blobs/%s", b->digest.text);
	rc = registry_get(b->session, rest, NULL, b->at, &r, e);
	if (rc < 0)
		/* Without an answer there may be one later; a refusal stays one. */
		return e->kind == ERR_TIMEOUT || rc == -ECONNRESET || rc == -ECONNREFUSED ||
				       rc == -EPIPE || rc == -EIO || rc == -EHOSTUNREACH ||
				       rc == -ENETUNREACH
			       ? 1
			       : rc;
	status = r->head.status;
	b->skip = 0;
	if (status == 200)
		b->skip = b->at;
	else if (status != 206 || !range_starts_at(r, b->at)) {
		rc = registry_fail(b->session, r, NULL, e);
		return status >= 500 ? 1 : rc;
	}
	b->response = r;
	return 0;
}

/* Ask until there is an answer to read from, or no hope. */
static int reconnect(struct registry_blob *b, struct err *e)
{
	for (;;) {
		int rc;

		if (b->at - b->attempt_at >= PROGRESS_MIN)
			b->attempts = 0;
		b->attempt_at = b->at;
		if (stopped(b))
			return err_sys(e, ECANCELED, "download");
		if (b->attempts >= REGISTRY_ATTEMPTS)
			return err_code(e) ? err_code(e) : err_sys(e, ECONNRESET, "download");
		if (b->attempts && back_off(b, e) < 0)
			return err_code(e);
		b->attempts++;
		err_clear(e);
		rc = request(b, e);
		if (rc <= 0)
			return rc;
	}
}

static int skip_known(struct registry_blob *b, struct err *e)
{
	char waste[1024];

	while (b->skip) {
		ssize_t got = reader_read(&b->response->body, waste,
					  MIN(b->skip, (uint64_t)sizeof(waste)), e);

		if (got <= 0)
			return got < 0 ? (int)got : err_sys(e, ECONNRESET, "download");
		b->skip -= (uint64_t)got;
	}
	return 0;
}

static ssize_t blob_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct registry_blob *b = container_of(reader, struct registry_blob, reader);
	struct err own;

	if (!e)
		e = &own;
	for (;;) {
		ssize_t got;
		int rc;

		if (b->size && b->at == b->size)
			return 0;
		if (!b->response) {
			rc = reconnect(b, e);
			if (rc < 0)
				return rc;
		}
		rc = skip_known(b, e);
		got = rc < 0 ? rc : reader_read(&b->response->body, p, n, e);
		if (got > 0 && b->size && (uint64_t)got > b->size - b->at)
			return err_set(e, ERR_INVALID,
				       "filesystem layer verification failed for digest %s: "
				       "it is larger than announced",
				       b->digest.text);
		if (got > 0) {
			b->at += (uint64_t)got;
			return got;
		}
		if (got == 0 && !b->size)
			return 0;
		if (got == 0)
			err_sys(e, ECONNRESET, "download of %s ended after %llu of %llu bytes",
				b->digest.text, (unsigned long long)b->at,
				(unsigned long long)b->size);
		if (stopped(b))
			return err_sys(e, ECANCELED, "download");
		b->response = NULL;
	}
}

int registry_blob_open(struct registry_blob *b, struct registry_session *s, const struct digest *d,
		       uint64_t size, struct err *e)
{
	*b = (struct registry_blob){
		.reader.read = blob_read, .session = s, .digest = *d, .size = size};
	return reconnect(b, e);
}
