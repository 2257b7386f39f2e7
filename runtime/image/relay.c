/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring is counted by two numbers that only grow: buffers filled and buffers emptied. The thread
 * fills buffer `filled` without the lock and then counts it; the reader takes from buffer `emptied`
 * without the lock and counts it when nothing is left in it. The lock guards the counts alone.
 *
 * The result of the source's last read travels behind the last buffer, so that an error is told
 * after the bytes before it.
 */
#include "runtime/image/relay.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "firmware/core/mem.h"

#define DIRECT_BYTES (256u << 10) /* a stream no longer than this needs no thread */

struct relay {
	struct reader reader;
	struct reader *source;
	uint64_t passed;
	bool tried, threaded;
	pthread_t thread;
	char *ring;
	size_t at; /* taken from the buffer that is being emptied */
	int result;
	struct err err;
	pthread_mutex_t lock;
	pthread_cond_t room, data;
	/* with the lock held: */
	uint64_t filled, emptied;
	bool ended, closing;
	size_t sizes[RELAY_BUFFERS];
};

/* --- the thread --- */

/* Waits for an empty buffer; NULL when nobody wants more. */
static char *next_empty(struct relay *r)
{
	char *p = NULL;

	pthread_mutex_lock(&r->lock);
	while (!r->closing && r->filled - r->emptied == RELAY_BUFFERS)
		pthread_cond_wait(&r->room, &r->lock);
	if (!r->closing)
		p = r->ring + r->filled % RELAY_BUFFERS * RELAY_BUFFER_SIZE;
	pthread_mutex_unlock(&r->lock);
	return p;
}

static void put_filled(struct relay *r, size_t n, bool ended)
{
	pthread_mutex_lock(&r->lock);
	if (n)
		r->sizes[r->filled++ % RELAY_BUFFERS] = n;
	r->ended = ended;
	pthread_cond_signal(&r->data);
	pthread_mutex_unlock(&r->lock);
}

static void *read_ahead(void *arg)
{
	struct relay *r = arg;
	ssize_t got = 1;
	char *p;

	while (got > 0 && (p = next_empty(r))) {
		size_t n = 0;

		while (n < RELAY_BUFFER_SIZE) {
			got = reader_read(r->source, p + n, RELAY_BUFFER_SIZE - n, &r->err);
			if (got <= 0)
				break;
			n += (size_t)got;
		}
		if (got < 0)
			r->result = (int)got;
		put_filled(r, n, got <= 0);
	}
	return NULL;
}

/* As a worker: a small stack, and no signal is for it. */
static int start_thread(struct relay *r)
{
	sigset_t every, before;
	pthread_attr_t attr;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return -EAGAIN;
	pthread_attr_setstacksize(&attr, CONFIG_WORKER_STACK);
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	rc = pthread_create(&r->thread, &attr, read_ahead, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0 ? 0 : -EAGAIN;
}

/* --- who reads --- */

static void try_thread(struct relay *r)
{
	r->tried = true;
	r->ring = mem_alloc(RELAY_BYTES);
	if (!r->ring)
		return;
	r->threaded = start_thread(r) == 0;
	if (r->threaded)
		return;
	mem_free(r->ring);
	r->ring = NULL;
}

/* Waits for the buffer to take from: its size, or 0 at the end. */
static size_t next_filled(struct relay *r)
{
	size_t n = 0;

	pthread_mutex_lock(&r->lock);
	while (r->filled == r->emptied && !r->ended)
		pthread_cond_wait(&r->data, &r->lock);
	if (r->filled != r->emptied)
		n = r->sizes[r->emptied % RELAY_BUFFERS];
	pthread_mutex_unlock(&r->lock);
	return n;
}

static void put_empty(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->emptied++;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	r->at = 0;
}

static ssize_t read_directly(struct relay *r, void *p, size_t n, struct err *e)
{
	ssize_t got;

	if (r->result < 0) {
		if (e)
			*e = r->err;
		return r->result;
	}
	got = reader_read(r->source, p, n, &r->err);
	if (got > 0)
		r->passed += (uint64_t)got;
	if (got >= 0)
		return got;
	r->result = (int)got;
	return read_directly(r, p, n, e);
}

static ssize_t relay_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct relay *r = container_of(reader, struct relay, reader);
	const char *from;
	size_t size;

	if (!r->tried && r->passed >= DIRECT_BYTES && r->result == 0)
		try_thread(r);
	if (!r->threaded)
		return read_directly(r, p, n, e);
	size = next_filled(r);
	if (!size) {
		if (r->result < 0 && e)
			*e = r->err;
		return r->result;
	}
	/* Only we count it as emptied, so it stays ours. */
	from = r->ring + r->emptied % RELAY_BUFFERS * RELAY_BUFFER_SIZE;
	n = MIN(n, size - r->at);
	memcpy(p, from + r->at, n);
	r->at += n;
	if (r->at == size)
		put_empty(r);
	return (ssize_t)n;
}

int relay_open(struct relay **ret, struct reader *source, struct err *e)
{
	struct relay *r = mem_alloc(sizeof(*r));

	if (!r)
		return err_sys(e, ENOMEM, "make a layer");
	r->reader.read = relay_read;
	r->source = source;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->room, NULL);
	pthread_cond_init(&r->data, NULL);
	*ret = r;
	return 0;
}

struct reader *relay_reader(struct relay *r)
{
	return &r->reader;
}

void relay_close(struct relay *r)
{
	if (!r)
		return;
	if (r->threaded) {
		pthread_mutex_lock(&r->lock);
		r->closing = true;
		pthread_cond_signal(&r->room);
		pthread_mutex_unlock(&r->lock);
		pthread_join(r->thread, NULL);
	}
	pthread_cond_destroy(&r->data);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	mem_free(r->ring);
	mem_free(r);
}
