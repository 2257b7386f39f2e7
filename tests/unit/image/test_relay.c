/* SPDX-License-Identifier: Apache-2.0 */
/* The joint between two threads: order, both ends' errors, and who waits for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "firmware/core/mem.h"
#include "runtime/image/relay.h"

/* Bytes that tell their position, in reads of odd sizes, from whichever thread asks. */
struct source {
	struct reader reader;
	uint64_t at, size;
	size_t step;
	int failure; /* instead of the end */
	pthread_t first_thread, last_thread;
	bool read_once;
	atomic_uint_fast64_t given;
	atomic_bool stop; /* with hang: the stop flag that it honours */
	bool hang;	  /* instead of the end */
};

static char byte_at(uint64_t at)
{
	return (char)(at * 31 + (at >> 12));
}

static void rest(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	nanosleep(&ms, NULL);
}

static ssize_t source_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct source *s = container_of(reader, struct source, reader);
	char *out = p;

	if (!s->read_once)
		s->first_thread = pthread_self();
	s->read_once = true;
	s->last_thread = pthread_self();
	n = MIN(n, MIN(s->step, (size_t)(s->size - s->at)));
	for (size_t i = 0; i < n; i++)
		out[i] = byte_at(s->at + i);
	s->at += n;
	atomic_store(&s->given, s->at);
	if (n)
		return (ssize_t)n;
	while (s->hang && !atomic_load(&s->stop))
		rest();
	if (s->hang)
		return err_sys(e, ECANCELED, "read");
	return s->failure ? err_set(e, ERR_INVALID, "the source is rotten") : 0;
}

static struct source source_of(uint64_t size)
{
	return (struct source){.reader.read = source_read, .size = size, .step = 7001};
}

/* Reads to the end or an error; the number of bytes, all of them right. */
static uint64_t read_all(struct relay *r, size_t step, ssize_t *ret_last, struct err *e)
{
	static char p[1 << 20];
	uint64_t at = 0;
	ssize_t n;

	while ((n = reader_read(relay_reader(r), p, step, e)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (p[i] != byte_at(at + (uint64_t)i))
				fail_msg("byte %llu is wrong", (unsigned long long)at);
		at += (uint64_t)n;
	}
	*ret_last = n;
	return at;
}

static void passes_all_in_order(void **state)
{
	static const uint64_t sizes[] = {0,	      1,       262143,	262144,	 262145,
					 RELAY_BYTES, 2000000, 9437184, 12345678};
	static const size_t steps[] = {1000, 65536, 1 << 20};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct source s = source_of(sizes[i]);
		struct relay *r;
		ssize_t last;

		assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
		assert_int_equal(read_all(r, steps[i % 3], &last, NULL), sizes[i]);
		assert_int_equal(last, 0);
		assert_int_equal(reader_read(relay_reader(r), &last, 1, NULL), 0);
		relay_close(r);
	}
}

static void only_a_long_stream_takes_a_thread(void **state)
{
	struct source s = source_of(100000), l = source_of(8u << 20);
	struct relay *r;
	ssize_t last;

	(void)state;
	assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
	assert_int_equal(read_all(r, 4096, &last, NULL), s.size);
	relay_close(r);
	assert_true(pthread_equal(s.last_thread, pthread_self()));
	assert_int_equal(relay_open(&r, &l.reader, NULL), 0);
	assert_int_equal(read_all(r, 4096, &last, NULL), l.size);
	relay_close(r);
	assert_true(pthread_equal(l.first_thread, pthread_self()));
	assert_false(pthread_equal(l.last_thread, pthread_self()));
}

static void goes_on_alone_without_memory(void **state)
{
	struct source s = source_of(3u << 20);
	struct relay *r;
	ssize_t last;

	(void)state;
	assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
	mem_fail_after(0);
	assert_int_equal(read_all(r, 4096, &last, NULL), s.size);
	mem_fail_after(-1);
	assert_int_equal(last, 0);
	assert_true(pthread_equal(s.last_thread, pthread_self()));
	relay_close(r);
	mem_fail_after(0);
	assert_int_equal(relay_open(&r, &s.reader, NULL), -ENOMEM);
	mem_fail_after(-1);
}

static void tells_an_error_after_the_bytes_before_it(void **state)
{
	static const uint64_t sizes[] = {0, 1000, 262144, 3000000, 4u << 20};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct source s = source_of(sizes[i]);
		struct err e = ERR_INIT;
		struct relay *r;
		ssize_t last;

		s.failure = 1;
		assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
		assert_int_equal(read_all(r, 65536, &last, &e), sizes[i]);
		assert_true(last < 0);
		assert_int_equal(last, err_code(&e));
		assert_string_equal(e.msg, "the source is rotten");
		err_clear(&e);
		assert_int_equal(reader_read(relay_reader(r), &s, 1, &e), last);
		assert_string_equal(e.msg, "the source is rotten");
		relay_close(r);
	}
}

/* The thread waits for room that will not come. */
static void closes_with_a_full_ring(void **state)
{
	struct source s = source_of(1u << 30);
	static char p[65536];
	struct relay *r;
	uint64_t got = 0, before = 0;

	(void)state;
	assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
	while (got < 512u << 10) {
		ssize_t n = reader_read(relay_reader(r), p, sizeof(p), NULL);

		assert_true(n > 0);
		got += (uint64_t)n;
	}
	while (atomic_load(&s.given) < got + RELAY_BYTES - RELAY_BUFFER_SIZE ||
	       atomic_load(&s.given) != before) {
		before = atomic_load(&s.given);
		rest();
		rest();
	}
	relay_close(r);
	/* It is bounded: whoever does not read is not flooded. And the thread is gone. */
	before = atomic_load(&s.given);
	assert_true(before <= got + RELAY_BYTES + RELAY_BUFFER_SIZE);
	rest();
	rest();
	assert_int_equal(atomic_load(&s.given), before);
	/* The source is ours again. */
	assert_true(reader_read(&s.reader, p, sizeof(p), NULL) > 0);
}

static void *stop_soon(void *arg)
{
	struct source *s = arg;

	for (int i = 0; i < 20; i++)
		rest();
	atomic_store(&s->stop, true);
	return NULL;
}

/* The thread waits for bytes that will not come; the reader for the thread. */
static void a_stopped_source_ends_both(void **state)
{
	(void)state;
	for (int closing = 0; closing < 2; closing++) {
		struct source s = source_of(1u << 20);
		struct err e = ERR_INIT;
		struct relay *r;
		pthread_t other;
		ssize_t last = 1;

		s.hang = true;
		assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
		assert_int_equal(pthread_create(&other, NULL, stop_soon, &s), 0);
		if (closing) {
			static char p[4096];

			for (uint64_t got = 0; got < 512u << 10; got += (uint64_t)last) {
				last = reader_read(relay_reader(r), p, sizeof(p), NULL);
				assert_true(last > 0);
			}
		} else {
			assert_int_equal(read_all(r, 65536, &last, &e), s.size);
			assert_int_equal(last, -ECANCELED);
		}
		relay_close(r);
		pthread_join(other, NULL);
	}
}

static void closes_unread(void **state)
{
	struct source s = source_of(100);
	struct relay *r;

	(void)state;
	assert_int_equal(relay_open(&r, &s.reader, NULL), 0);
	relay_close(r);
	relay_close(NULL);
	assert_int_equal(s.at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_all_in_order),
		cmocka_unit_test(only_a_long_stream_takes_a_thread),
		cmocka_unit_test(goes_on_alone_without_memory),
		cmocka_unit_test(tells_an_error_after_the_bytes_before_it),
		cmocka_unit_test(closes_with_a_full_ring),
		cmocka_unit_test(a_stopped_source_ends_both),
		cmocka_unit_test(closes_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
