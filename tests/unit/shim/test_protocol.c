/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/shim/protocol.h"

static struct shim_packet p;

static void test_check(void **state)
{
	(void)state;
	shim_msg_init(&p.msg, SHIM_ATTACH);
	p.msg.data_len = 5;
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg) + 5), 0);
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg) + 4), -EPROTO);
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg) + 6), -EPROTO);
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg) - 1), -EPROTO);
	assert_int_equal(shim_packet_check(&p, 0), -EPROTO);
}

static void test_hostile(void **state)
{
	(void)state;
	shim_msg_init(&p.msg, SHIM_EXEC);
	p.msg.version = 2;
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg)), -EPROTO);
	shim_msg_init(&p.msg, SHIM_EXEC);
	p.msg.data_len = UINT32_MAX;
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg) - 1), -EPROTO);
	shim_msg_init(&p.msg, SHIM_EXEC);
	p.msg.keys_len = SHIM_KEYS_MAX + 1;
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg)), -EPROTO);
	shim_msg_init(&p.msg, SHIM_EXEC);
	memset(p.msg.id, 'a', sizeof(p.msg.id)); /* no end */
	assert_int_equal(shim_packet_check(&p, sizeof(p.msg)), -EPROTO);
}

static void test_id(void **state)
{
	char id[SHIM_ID_MAX + 1];

	(void)state;
	memset(id, 'x', sizeof(id));
	id[SHIM_ID_MAX] = 0;
	assert_false(shim_msg_set_id(&p.msg, id));
	id[SHIM_ID_MAX - 1] = 0;
	assert_true(shim_msg_set_id(&p.msg, id));
	assert_string_equal(p.msg.id, id);
}

/* Over a real socket, descriptors and all; more than asked for are closed. */
static void test_round_trip(void **state)
{
	int pair[2], pipes[4], got[2];
	struct shim_out out, in;
	struct shim_msg m;
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pipe(pipes + 2), 0);
	shim_msg_init(&m, SHIM_HOLD);
	m.number = 7;
	shim_out_prepare(&out, &m, str_span("data", 4), pipes, 4);
	assert_int_equal(sendmsg(pair[0], &out.hdr, 0), (int)sizeof(m) + 4);
	shim_in_prepare(&in, &p);
	n = recvmsg(pair[1], &in.hdr, MSG_CMSG_CLOEXEC);
	assert_int_equal(n, (int)sizeof(m) + 4);
	assert_int_equal(shim_packet_check(&p, (size_t)n), 0);
	assert_int_equal(p.msg.number, 7);
	assert_memory_equal(p.data, "data", 4);
	assert_int_equal(shim_in_take_fds(&in, got, 2), 2);
	assert_int_equal(write(got[1], "x", 1), 1);
	for (int i = 0; i < 4; i++)
		close(pipes[i]);
	/* The writing end of the second pipe was beyond the limit: nobody has it any more. */
	close(got[0]);
	close(got[1]);
	close(pair[0]);
	assert_int_equal(recv(pair[1], &n, sizeof(n), 0), 0);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
