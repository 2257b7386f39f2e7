/* SPDX-License-Identifier: Apache-2.0 */
/* The messages are well formed and say what they should; what the kernel makes of them is
 * test_network's. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "runtime/network/nat.h"
#include "runtime/network/nft.h"

static char buf[65536];
static struct nat_network net = {.bridge = "br-test", .prefix_len = 16};

static struct nat_port port(uint8_t proto, const char *host_ip, uint16_t host_port)
{
	struct nat_port p = {.proto = proto, .host_port = host_port, .port = 80};

	inet_pton(AF_INET, host_ip, &p.host_ip);
	inet_pton(AF_INET, "172.17.0.2", &p.ip);
	return p;
}

static const struct nlmsghdr *message(const struct nl_msg *m, uint32_t *at)
{
	const struct nlmsghdr *h = (const void *)(m->buf + *at);

	if (*at >= m->len)
		return NULL;
	assert_true(m->len - *at >= NLMSG_HDRLEN && h->nlmsg_len >= NLMSG_HDRLEN);
	assert_true(h->nlmsg_len <= m->len - *at);
	*at += NLMSG_ALIGN(h->nlmsg_len);
	return h;
}

static const struct nlattr *attr(const struct nlmsghdr *h, uint16_t type)
{
	return nl_answer_attr(h, sizeof(struct nfgenmsg), type);
}

static void test_table(void **state)
{
	unsigned chains = 0, rules = 0, maps = 0, tables = 0;
	const struct nlmsghdr *h;
	struct nl_msg m;
	uint32_t at = 0;

	(void)state;
	nl_msg_init(&m, buf, sizeof(buf));
	nat_batch_begin(&m);
	nat_put_table(&m, &net);
	nat_batch_end(&m);
	assert_false(m.failed);
	h = message(&m, &at);
	assert_int_equal(h->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
	while ((h = message(&m, &at)) && h->nlmsg_type != NFNL_MSG_BATCH_END) {
		const struct nfgenmsg *g = NLMSG_DATA(h);

		assert_int_equal(h->nlmsg_type >> 8, NFNL_SUBSYS_NFTABLES);
		assert_int_equal(g->nfgen_family, NFPROTO_IPV4);
		/* Attribute 1 is the table's name in each of them. */
		assert_string_equal(nl_attr_data(attr(h, 1)), "serin-br-test");
		switch (h->nlmsg_type & 0xff) {
		case NFT_MSG_NEWTABLE:
		case NFT_MSG_DELTABLE:
			tables++;
			break;
		case NFT_MSG_NEWCHAIN:
			chains++;
			break;
		case NFT_MSG_NEWSET:
			maps++;
			break;
		case NFT_MSG_NEWRULE:
			assert_non_null(attr(h, NFTA_RULE_EXPRESSIONS));
			rules++;
			break;
		default:
			fail();
		}
	}
	assert_non_null(h);
	assert_int_equal(at, m.len);
	assert_int_equal(tables, 3);
	assert_int_equal(chains, 6);
	assert_int_equal(maps, 2);
	assert_int_equal(rules, 11);
	/* The room nat.c gives it. */
	assert_true(m.len < 8192);
}

/* Key and data of the only element of message h. */
static void expect_element(const struct nlmsghdr *h, const char *map, const void *key,
			   uint32_t key_len, const void *data)
{
	const struct nlattr *list = attr(h, NFTA_SET_ELEM_LIST_ELEMENTS), *elem, *a;

	assert_string_equal(nl_attr_data(attr(h, NFTA_SET_ELEM_LIST_SET)), map);
	elem = nl_attr_find(nl_attr_data(list), nl_attr_len(list), NFTA_LIST_ELEM);
	assert_non_null(elem);
	a = nl_attr_find(nl_attr_data(elem), nl_attr_len(elem), NFTA_SET_ELEM_KEY);
	a = nl_attr_find(nl_attr_data(a), nl_attr_len(a), NFTA_DATA_VALUE);
	assert_int_equal(nl_attr_len(a), key_len);
	assert_memory_equal(nl_attr_data(a), key, key_len);
	a = nl_attr_find(nl_attr_data(elem), nl_attr_len(elem), NFTA_SET_ELEM_DATA);
	a = nl_attr_find(nl_attr_data(a), nl_attr_len(a), NFTA_DATA_VALUE);
	assert_int_equal(nl_attr_len(a), 8);
	assert_memory_equal(nl_attr_data(a), data, 8);
}

static void test_elements(void **state)
{
	struct nat_port ports[] = {port(IPPROTO_TCP, "0.0.0.0", 8080),
				   port(IPPROTO_UDP, "127.0.0.1", 53)};
	const struct nlmsghdr *h;
	struct nl_msg m;
	uint32_t at = 0;

	(void)state;
	nl_msg_init(&m, buf, sizeof(buf));
	nat_put_ports(&m, &net, NFT_MSG_NEWSETELEM, ports, 2);
	h = message(&m, &at);
	expect_element(h, "one", "\x11\0\0\0\x7f\0\0\x01\0\x35\0\0", 12,
		       "\xac\x11\0\x02\0\x50\0\0");
	h = message(&m, &at);
	expect_element(h, "any", "\x06\0\0\0\x1f\x90\0\0", 8, "\xac\x11\0\x02\0\x50\0\0");
	assert_null(message(&m, &at));
	nl_msg_init(&m, buf, sizeof(buf));
	nat_put_ports(&m, &net, NFT_MSG_DELSETELEM, ports, 0);
	assert_int_equal(m.len, 0);
}

static void test_many_elements(void **state)
{
	static struct nat_port ports[1100];
	struct nl_msg m;
	unsigned messages = 0;
	uint32_t at = 0;

	(void)state;
	for (uint16_t i = 0; i < 1100; i++)
		ports[i] = port(IPPROTO_TCP, "0.0.0.0", (uint16_t)(i + 1));
	nl_msg_init(&m, buf, sizeof(buf));
	nat_put_ports(&m, &net, NFT_MSG_NEWSETELEM, ports, 1100);
	assert_false(m.failed);
	while (message(&m, &at))
		messages++;
	assert_int_equal(messages, 3);
	/* The room nat.c gives each. */
	assert_true(m.len < 1100 * 64);
	nl_msg_init(&m, buf, 1000);
	nat_put_ports(&m, &net, NFT_MSG_NEWSETELEM, ports, 1100);
	assert_true(m.failed);
}

static void test_names(void **state)
{
	char name[NAT_TABLE_MAX];

	(void)state;
	nat_table_name("docker0", name);
	assert_string_equal(name, "serin-docker0");
	nat_table_name("fifteen-letters", name);
	assert_string_equal(name, "serin-fifteen-letters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_many_elements),
		cmocka_unit_test(test_names),
	};

	inet_pton(AF_INET, "172.17.0.1", &net.subnet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
