/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/links.h"
#include "tests/unit/container/harness.h"

static void how_a_link_is_asked_for(void **state)
{
	static const struct {
		const char *text, *name, *alias; /* name NULL: refused */
	} examples[] = {
		{"db", "db", "db"},
		{"db:store", "db", "store"},
		{"0123abcd:store", "0123abcd", "store"},
		{"/db:/web/store", "db", "store"},
		{"/db:/a/b/store", "db", "store"},
		{"/db", "db", "db"},
		{"db:/store", "db", "store"},
		{"db:/", NULL, NULL},
		{"", NULL, NULL},
		{":", NULL, NULL},
		{"db:", NULL, NULL},
		{":store", NULL, NULL},
		{"a:b:c", NULL, NULL},
		{"db:a/b", NULL, NULL},
		{"db:a b", NULL, NULL},
		{"db:a\n1.2.3.4\tb", NULL, NULL},
		{"/db:/web/", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		const char *name = NULL, *alias = NULL;
		struct err e = ERR_INIT;
		int r = link_parse(examples[i].text, &arena, &name, &alias, &e);

		if ((r < 0) != !examples[i].name)
			fail_msg("\"%s\": %s", examples[i].text, r < 0 ? e.msg : "taken");
		if (r < 0) {
			assert_int_equal(e.kind, ERR_INVALID);
			continue;
		}
		assert_string_equal(name, examples[i].name);
		assert_string_equal(alias, examples[i].alias);
	}
}

static void what_it_brings(void **state)
{
	const char *ports[] = {"8081/tcp", "53/udp", "8080/tcp", "9/sctp", "nonsense"};
	const char *own[] = {"A=1=2", "HOME=/x", "PATH=/y", "BARE", "PATHS=z"};
	const char *items[64];
	const struct texts port_list = {ports, ARRAY_LEN(ports), true};
	const struct texts own_list = {own, ARRAY_LEN(own), true};
	struct texts env = {items, 0, true};

	(void)state;
	assert_int_equal(link_environment("web", "my-db", "10.0.0.2", &port_list, &own_list, &arena,
					  &env, ARRAY_LEN(items)),
			 0);
	assert_string_equal(
		joined(&env),
		"MY_DB_PORT=sctp://10.0.0.2:9 MY_DB_PORT_8080_TCP_START=tcp://10.0.0.2:8080 "
		"MY_DB_PORT_8080_TCP_ADDR=10.0.0.2 MY_DB_PORT_8080_TCP_PROTO=tcp "
		"MY_DB_PORT_8080_TCP_PORT_START=8080 MY_DB_PORT_8080_TCP_END=tcp://10.0.0.2:8081 "
		"MY_DB_PORT_8080_TCP_PORT_END=8081 MY_DB_PORT_8080_TCP=tcp://10.0.0.2:8080 "
		"MY_DB_PORT_8080_TCP_ADDR=10.0.0.2 MY_DB_PORT_8080_TCP_PORT=8080 "
		"MY_DB_PORT_8080_TCP_PROTO=tcp MY_DB_PORT_8081_TCP=tcp://10.0.0.2:8081 "
		"MY_DB_PORT_8081_TCP_ADDR=10.0.0.2 MY_DB_PORT_8081_TCP_PORT=8081 "
		"MY_DB_PORT_8081_TCP_PROTO=tcp MY_DB_PORT_9_SCTP=sctp://10.0.0.2:9 "
		"MY_DB_PORT_9_SCTP_ADDR=10.0.0.2 MY_DB_PORT_9_SCTP_PORT=9 "
		"MY_DB_PORT_9_SCTP_PROTO=sctp MY_DB_PORT_53_UDP=udp://10.0.0.2:53 "
		"MY_DB_PORT_53_UDP_ADDR=10.0.0.2 MY_DB_PORT_53_UDP_PORT=53 "
		"MY_DB_PORT_53_UDP_PROTO=udp MY_DB_NAME=/web/my-db MY_DB_ENV_A=1=2 "
		"MY_DB_ENV_PATHS=z");
	env.n = 0;
	assert_true(link_environment("web", "db", "10.0.0.2", &port_list, &own_list, &arena, &env,
				     3) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_a_link_is_asked_for),
		cmocka_unit_test(what_it_brings),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
