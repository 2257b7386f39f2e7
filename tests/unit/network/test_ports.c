/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/network/ports.h"

static struct in_addr localhost(void)
{
	return (struct in_addr){htonl(INADDR_LOOPBACK)};
}

static void test_parse(void **state)
{
	static const char *const bad[] = {"",	       "/tcp",	     "0/tcp",	 "65536/tcp",
					  "80/",       "80/icmp",    "x/tcp",	 "-1/tcp",
					  "80-81/tcp", "000080/tcp", "80/tcp/x", " 80"};
	struct err e = ERR_INIT;
	uint16_t port = 0;
	uint8_t proto = 0;

	(void)state;
	assert_int_equal(port_parse("80/tcp", &port, &proto, NULL), 0);
	assert_int_equal(port, 80);
	assert_int_equal(proto, IPPROTO_TCP);
	assert_int_equal(port_parse("53/UDP", &port, &proto, NULL), 0);
	assert_int_equal(proto, IPPROTO_UDP);
	assert_int_equal(port_parse("65535", &port, &proto, NULL), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(proto, IPPROTO_TCP);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(port_parse(bad[i], &port, &proto, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
	}
	assert_int_equal(port, 65535);
	assert_true(port_parse("a\"b", &port, &proto, &e) < 0);
	assert_string_equal(e.msg, "invalid port specification: \"a\"b\"");
}

static void test_parse_binding(void **state)
{
	static const char *const bad[] = {"x", "70000", "80-", "-80", "90-80", "0-80", "80-81-82"};
	struct port_request req = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(port_parse_binding("", "", &req, NULL), 0);
	assert_int_equal(req.host_ip.s_addr, INADDR_ANY);
	assert_int_equal(req.host_first, 0);
	assert_int_equal(port_parse_binding(NULL, NULL, &req, NULL), 0);
	assert_int_equal(port_parse_binding("127.0.0.1", "8080", &req, NULL), 0);
	assert_int_equal(ntohl(req.host_ip.s_addr), INADDR_LOOPBACK);
	assert_int_equal(req.host_first, 8080);
	assert_int_equal(req.host_last, 8080);
	assert_int_equal(port_parse_binding("0.0.0.0", "8000-8010", &req, NULL), 0);
	assert_int_equal(req.host_first, 8000);
	assert_int_equal(req.host_last, 8010);
	assert_int_equal(port_parse_binding("", "0", &req, NULL), 0);
	assert_int_equal(req.host_first, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(port_parse_binding("", bad[i], &req, NULL) < 0);
	assert_true(port_parse_binding("1.2.3", "80", &req, &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
	assert_true(port_parse_binding("::1", "80", &req, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
}

/* A port of loopback that nobody uses just now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = localhost()};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void test_collisions(void **state)
{
	struct port_request req = {.proto = IPPROTO_TCP, .port = 80, .host_ip = localhost()};
	struct port_bound one, two = {.fd = -1};
	struct in_addr box = {htonl(0xac110002)};
	struct err e = ERR_INIT;
	struct port_table t;
	char text[128];

	(void)state;
	ports_init(&t);
	req.host_first = req.host_last = free_port();
	assert_int_equal(ports_bind(&t, &req, box, &one, &e), 0);
	assert_true(one.fd >= 0);
	assert_true(fcntl(one.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ports_bind(&t, &req, box, &two, &e), -EADDRINUSE);
	snprintf(text, sizeof(text), "Bind for 127.0.0.1:%u failed: port is already allocated",
		 req.host_first);
	assert_string_equal(e.msg, text);
	/* Every address collides with one address, either way; another protocol does not. */
	req.host_ip.s_addr = INADDR_ANY;
	assert_int_equal(ports_bind(&t, &req, box, &two, &e), -EADDRINUSE);
	req.proto = IPPROTO_UDP;
	assert_int_equal(ports_bind(&t, &req, box, &two, &e), 0);
	ports_release(&t, &two);
	assert_int_equal(two.fd, -1);
	req.proto = IPPROTO_TCP;
	req.host_ip = localhost();
	/* Someone else's socket: what ours looks like from another table. */
	{
		struct port_table other;

		ports_init(&other);
		assert_int_equal(ports_bind(&other, &req, box, &two, &e), -EADDRINUSE);
		snprintf(text, sizeof(text),
			 "failed to bind host port for 127.0.0.1:%u:172.17.0.2:80/tcp: address "
			 "already in use",
			 req.host_first);
		assert_string_equal(e.msg, text);
		assert_int_equal(other.n, 0);
		ports_done(&other);
	}
	ports_release(&t, &one);
	assert_int_equal(ports_bind(&t, &req, box, &one, &e), 0);
	ports_release(&t, &one);
	assert_int_equal(t.n, 0);
	ports_done(&t);
}

static void test_ranges(void **state)
{
	struct port_request req = {.proto = IPPROTO_UDP, .port = 53, .host_ip = localhost()};
	struct port_bound p[4];
	struct in_addr box = {0};
	struct err e = ERR_INIT;
	struct port_table t;
	uint16_t first, last;

	(void)state;
	ports_init(&t);
	ports_ephemeral_range(&first, &last);
	assert_true(first > 0 && first <= last);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ports_bind(&t, &req, box, &p[i], &e), 0);
		assert_true(p[i].host_port >= first && p[i].host_port <= last);
		assert_true(i == 0 || p[i].host_port > p[i - 1].host_port ||
			    p[i].host_port == first);
	}
	/* A range of which all are given out. */
	req.host_first = req.host_last = p[0].host_port;
	if (p[1].host_port == p[0].host_port + 1) {
		req.host_last = p[1].host_port;
		assert_int_equal(ports_bind(&t, &req, box, &p[3], &e), -EADDRINUSE);
		assert_string_equal(e.msg, "all ports are allocated");
		ports_release(&t, &p[1]);
		assert_int_equal(ports_bind(&t, &req, box, &p[1], &e), 0);
		assert_int_equal(p[1].host_port, req.host_last);
	}
	for (int i = 0; i < 3; i++)
		ports_release(&t, &p[i]);
	assert_int_equal(t.n, 0);
	ports_done(&t);
}

static void test_claim(void **state)
{
	struct port_bound p = {
		.proto = IPPROTO_TCP, .port = 80, .host_ip = localhost(), .host_port = 1, .fd = -1};
	struct port_request req = {.proto = IPPROTO_TCP,
				   .port = 80,
				   .host_ip = localhost(),
				   .host_first = 1,
				   .host_last = 1};
	struct err e = ERR_INIT;
	struct port_table t;

	(void)state;
	ports_init(&t);
	assert_int_equal(ports_claim(&t, &p, &e), 0);
	assert_true(ports_claim(&t, &p, &e) < 0);
	assert_int_equal(ports_bind(&t, &req, localhost(), &p, &e), -EADDRINUSE);
	assert_string_equal(e.msg, "Bind for 127.0.0.1:1 failed: port is already allocated");
	ports_release(&t, &p);
	assert_int_equal(t.n, 0);
	ports_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	   cmocka_unit_test(test_parse_binding),
		cmocka_unit_test(test_collisions), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
