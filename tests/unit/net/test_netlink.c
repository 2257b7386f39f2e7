/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "firmware/net/netlink.h"

static void test_build(void **state)
{
	_Alignas(4) char buf[256];
	struct nl_msg m;
	struct ifinfomsg *body;
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
	const struct nlattr *a, *inner;
	uint32_t nest;

	(void)state;
	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE, sizeof(*body));
	body->ifi_index = 7;
	nl_put_text(&m, IFLA_IFNAME, "veth0");
	nest = nl_nest_begin(&m, IFLA_LINKINFO);
	nl_put_text(&m, IFLA_INFO_KIND, "veth");
	nl_put_u8(&m, 9, 0x7f);
	nl_nest_end(&m, nest);
	nl_put_be32(&m, 10, 0x01020304);
	nl_msg_end(&m);
	assert_false(m.failed);
	assert_int_equal(h->nlmsg_len, m.len);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	assert_int_equal(h->nlmsg_type, RTM_NEWLINK);

	body = NLMSG_DATA(h);
	assert_int_equal(body->ifi_index, 7);
	a = nl_answer_attr(h, sizeof(*body), IFLA_IFNAME);
	assert_non_null(a);
	assert_string_equal(nl_attr_data(a), "veth0");
	a = nl_answer_attr(h, sizeof(*body), IFLA_LINKINFO);
	assert_non_null(a);
	inner = nl_attr_find(nl_attr_data(a), nl_attr_len(a), 9);
	assert_non_null(inner);
	assert_int_equal(*(const uint8_t *)nl_attr_data(inner), 0x7f);
	a = nl_answer_attr(h, sizeof(*body), 10);
	assert_memory_equal(nl_attr_data(a), "\x01\x02\x03\x04", 4);
	assert_null(nl_answer_attr(h, sizeof(*body), 99));
}

static void test_overflow(void **state)
{
	_Alignas(4) char buf[64];
	struct nl_socket s = {.fd = -1};
	struct nl_msg m;
	struct err e = ERR_INIT;

	(void)state;
	nl_msg_init(&m, buf, sizeof(buf));
	assert_non_null(nl_msg_begin(&m, 20, 0, 16));
	nl_put(&m, 1, "0123456789012345678901234567890123456789", 40);
	assert_true(m.failed);
	nl_put_u32(&m, 2, 5);
	nl_msg_end(&m);
	/* the pointer is usable even so */
	assert_non_null(memset(nl_msg_begin(&m, 21, 0, 60), 1, 60));
	assert_null(nl_msg_begin(&m, 21, 0, 65));
	assert_int_equal(nl_transact(&s, &m, &e), -E2BIG);
}

static void test_hostile_attributes(void **state)
{
	_Alignas(4) unsigned char zero[8] = {0}, longer[8] = {200, 0, 1, 0}, three[3] = {4, 0, 1};
	_Alignas(4) unsigned char tail[9] = {5, 0, 1, 0, 9, 0, 0, 0, 4};

	(void)state;
	assert_null(nl_attr_find(zero, sizeof(zero), 0));
	assert_null(nl_attr_find(longer, sizeof(longer), 1));
	assert_null(nl_attr_find(three, sizeof(three), 1));
	assert_null(nl_attr_find(tail, sizeof(tail), 2));
	assert_non_null(nl_attr_find(tail, sizeof(tail), 1));
}

static int find_loopback(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *body = NLMSG_DATA(h);
	const struct nlattr *name = nl_answer_attr(h, sizeof(*body), IFLA_IFNAME);

	if (name && strcmp(nl_attr_data(name), "lo") == 0)
		*(int *)arg = body->ifi_index;
	return 0;
}

/* What any user may ask: the list of links; and a change that fails with the kernel's error. */
static void test_kernel(void **state)
{
	_Alignas(4) char buf[256];
	struct nl_socket s = {.fd = -1};
	struct nl_msg m;
	struct err e = ERR_INIT;
	struct ifinfomsg *body;
	int index = 0;

	(void)state;
	if (nl_open(&s, NETLINK_ROUTE, &e) < 0)
		skip();
	for (int round = 0; round < 2; round++) {
		nl_msg_init(&m, buf, sizeof(buf));
		(void)nl_msg_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(*body));
		nl_msg_end(&m);
		assert_int_equal(nl_query(&s, &m, find_loopback, &index, &e), 0);
		assert_int_equal(index, if_nametoindex("lo"));

		nl_msg_init(&m, buf, sizeof(buf));
		for (int i = 0; i < 2; i++) {
			body = nl_msg_begin(&m, RTM_DELLINK, 0, sizeof(*body));
			body->ifi_index = 0x7ffffff0;
			nl_msg_end(&m);
		}
		assert_in_range(-nl_transact(&s, &m, &e), 1, 200);
		assert_int_equal(e.kind, ERR_SYSTEM);
	}
	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_GETLINK, 0, sizeof(*body));
	body->ifi_index = index;
	nl_msg_end(&m);
	index = 0;
	assert_int_equal(nl_query(&s, &m, find_loopback, &index, &e), 0);
	assert_int_equal(index, if_nametoindex("lo"));
	nl_close(&s);
	nl_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_hostile_attributes),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
