/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fmt/bind_shapes.h"

static const char full[] =
	"{\"Memory\":1048576,\"PidsLimit\":0,\"MemorySwappiness\":60,\"Privileged\":true,"
	"\"Init\":false,\"Binds\":[\"/a:/b\",\"x\\ny\"],\"Cmd\":[\"sh\"],"
	"\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"Listed\":[\"l\"],"
	"\"Labels\":{\"a\":\"1\",\"b\":\"\"},"
	"\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":3,\"Strict\":false},"
	"\"Extra\":{\"Name\":\"\",\"MaximumRetryCount\":7},"
	"\"Health\":{\"Name\":\"h\",\"MaximumRetryCount\":7,\"Strict\":true,\"Forbidden\":\"f\"},"
	"\"Devices\":[{\"Path\":\"/dev/x\",\"Weight\":-1},{\"Path\":\"\",\"Weight\":0}],"
	"\"Networks\":{\"n1\":{\"Name\":\"q\",\"MaximumRetryCount\":7},\"n2\":null},"
	"\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}],\"81/tcp\":[],"
	"\"82/tcp\":null},\"Raw\":{\"any\": [1, \"thing\"]},\"Name\":\"n\"}";

static const char empty[] =
	"{\"Memory\":0,\"PidsLimit\":null,\"Privileged\":false,\"Init\":null,\"Binds\":null,"
	"\"Cmd\":[],\"Labels\":null,\"RestartPolicy\":{\"Name\":\"\",\"MaximumRetryCount\":7},"
	"\"Extra\":{\"Name\":\"\",\"MaximumRetryCount\":7},"
	"\"Health\":null,\"Devices\":null,\"Networks\":null,\"PortBindings\":null,\"Raw\":null,"
	"\"Name\":\"\"}";

static void every_kind_comes_back(void **state)
{
	struct host h = decode(full);

	(void)state;
	assert_int_equal(h.memory, 1048576);
	assert_true(h.pids.set);
	assert_int_equal(h.init, 0);
	assert_int_equal(h.binds.n, 2);
	assert_string_equal(h.binds.items[1], "x\ny");
	assert_true(texts_contain(&h.exposed, "53/udp"));
	assert_false(texts_contain(&h.exposed, "53"));
	assert_string_equal(text_map_get(&h.labels, "b"), "");
	assert_null(text_map_get(&h.labels, "c"));
	assert_int_equal(h.restart.strict, 0);
	assert_int_equal(h.extra.strict, SHAPE_TRI_UNSET);
	assert_int_equal(h.health->strict, 1);
	assert_int_equal(h.devices.n, 2);
	assert_int_equal(((struct device *)h.devices.items)[0].weight, -1);
	assert_null(h.networks.items[1].value);
	assert_string_equal(encode(&h, 51), full);
	assert_string_equal(encode(&h, 0), full);
}

static void nothing_is_zero(void **state)
{
	static const char *const same[] = {
		"{}",
		"null",
		empty,
		"{\"Memory\":null,\"PidsLimit\":null,\"Privileged\":null,\"Init\":null,"
		"\"Binds\":null,\"Cmd\":null,\"ExposedPorts\":null,\"Labels\":null,"
		"\"RestartPolicy\":null,\"Health\":null,\"Devices\":null,\"Networks\":null,"
		"\"PortBindings\":null,\"Raw\":null,\"Name\":null,\"Unknown\":{\"x\":[1]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct host h = decode(same[i]);

		assert_int_equal(h.init, SHAPE_TRI_UNSET);
		assert_int_equal(h.restart.retries, 7);
		assert_false(h.binds.set);
		assert_string_equal(encode(&h, 51), empty);
	}
}

static void given_but_empty_differs_from_absent(void **state)
{
	struct host h = decode("{\"Binds\":[],\"Labels\":{},\"Devices\":[],\"Networks\":{},"
			       "\"ExposedPorts\":{}}");

	(void)state;
	assert_true(h.binds.set);
	assert_int_equal(h.binds.n, 0);
	assert_true(h.labels.set && h.devices.set && h.networks.set && h.exposed.set);
	assert_non_null(strstr(encode(&h, 51), "\"Binds\":[],"));
	assert_non_null(strstr(encode(&h, 51), "\"Labels\":{},"));
	assert_non_null(strstr(encode(&h, 51), "\"Devices\":[],\"Networks\":{},"));
}

static void accepts_what_go_accepts(void **state)
{
	struct host h =
		decode("{\"memory\":5,\"MEMORY\":6,\"cmd\":\"lone\","
		       "\"Labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\",\"n\":null},"
		       "\"Binds\":[null,\"x\"],\"ExposedPorts\":{\"1\":null,\"1\":{}},"
		       "\"RestartPolicy\":{\"Name\":\"x\"},"
		       "\"N\\u0061me\":\"escaped key\",\"Made\":\"no\",\"Devices\":[null]}");

	(void)state;
	assert_int_equal(h.memory, 6);
	assert_int_equal(h.command.n, 1);
	assert_string_equal(h.command.items[0], "lone");
	assert_int_equal(h.labels.n, 3);
	assert_string_equal(h.labels.items[0].key, "b");
	assert_string_equal(text_map_get(&h.labels, "a"), "3");
	assert_string_equal(text_map_get(&h.labels, "n"), "");
	assert_string_equal(h.binds.items[0], "");
	assert_int_equal(h.exposed.n, 1);
	assert_string_equal(h.name, "escaped key");
	assert_null(h.made);
	assert_int_equal(h.devices.n, 1);
}

static void many_repeated_keys_are_dropped_quickly(void **state)
{
	static char text[1 << 20];
	size_t n = (size_t)sprintf(text, "{\"Labels\":{");
	struct host h;

	(void)state;
	for (int i = 0; i < 30000; i++)
		n += (size_t)sprintf(text + n, "%s\"k%d\":\"%d\"", i ? "," : "", i * 7919 % 10000,
				     i);
	sprintf(text + n, "}}");
	h = decode(text);
	assert_int_equal(h.labels.n, 10000);
	/* The last of each stayed, in the order of the input. */
	for (size_t i = 0; i < h.labels.n; i++) {
		int v = atoi(h.labels.items[i].value);

		assert_int_equal(v, 20000 + (int)i);
		assert_int_equal(atoi(h.labels.items[i].key + 1), v * 7919 % 10000);
	}
}

static void versions_gate_output(void **state)
{
	struct host h = decode("{\"Secret\":\"s\",\"Early\":\"e\"}");

	(void)state;
	h.made = "m";
	assert_null(strstr(encode(&h, 39), "Made"));
	assert_non_null(strstr(encode(&h, 40), "\"Made\":\"m\""));
	assert_null(strstr(encode(&h, 43), "Secret"));
	assert_non_null(strstr(encode(&h, 44), "\"Secret\":\"s\""));
	assert_non_null(strstr(encode(&h, 43), "\"Early\":\"e\""));
	assert_null(strstr(encode(&h, 44), "Early"));
	assert_non_null(strstr(encode(&h, 0), "\"Made\":\"m\",\"Secret\":\"s\",\"Early\":\"e\""));
}

static void members_without_the_braces(void **state)
{
	struct port p = {"1.2.3.4", "80"};
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, &arena, 1000);
	json_begin(&w, &b);
	json_object_open(&w);
	json_kv_i64(&w, "first", 1);
	shape_encode_members(&port_shape, &p, &w, 0);
	json_object_close(&w);
	assert_string_equal(buf_text(&b),
			    "{\"first\":1,\"HostIp\":\"1.2.3.4\",\"HostPort\":\"80\"}");
}

static void a_copy_stands_alone(void **state)
{
	struct arena kept, given;
	static struct host h, copy;
	struct err e = ERR_INIT;
	static char text[sizeof(full)];

	(void)state;
	arena_open_heap(&given, 1 << 20);
	arena_open_heap(&kept, 1 << 20);
	memcpy(text, full, sizeof(full));
	assert_int_equal(shape_decode_text(&host_shape, str_from(text), &given, &h, &e), 0);
	assert_int_equal(shape_copy(&host_shape, &h, &kept, &copy), 0);
	memset(text, 'x', sizeof(text));
	arena_done(&given);
	assert_string_equal(encode(&copy, 0), full);
	h = decode("{}");
	assert_int_equal(shape_copy(&host_shape, &h, &kept, &copy), 0);
	assert_string_equal(encode(&copy, 0), empty);
	arena_done(&kept);
}

/* Every size of arena up to the one that is enough: an error, and never a wrong result. */
static void survives_a_full_arena(void **state)
{
	bool decoded = false, copied = false;

	(void)state;
	for (size_t size = 0; !decoded || !copied; size += 16) {
		struct arena small;
		struct err e = ERR_INIT;
		static struct host h, copy;
		int r;

		assert_in_range(size, 0, 20000);
		arena_open_heap(&small, size);
		r = shape_decode_text(&host_shape, STR("{\"N\\u0061me\":\"a\"}"), &small, &h, &e);
		assert_true(r == 0 || e.kind == ERR_UNAVAILABLE);
		arena_reset(&small);
		err_clear(&e);
		r = shape_decode_text(&host_shape, str_from(full), &small, &h, &e);
		assert_true(r == 0 || (r == -EAGAIN && e.kind == ERR_UNAVAILABLE));
		decoded = r == 0;
		if (decoded)
			assert_string_equal(encode(&h, 0), full);
		arena_reset(&small);
		h = decode(full);
		r = shape_copy(&host_shape, &h, &small, &copy);
		assert_true(r == 0 || r == -ENOMEM);
		copied = r == 0;
		if (copied)
			assert_string_equal(encode(&copy, 0), full);
		arena_done(&small);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(nothing_is_zero),
		cmocka_unit_test(given_but_empty_differs_from_absent),
		cmocka_unit_test(accepts_what_go_accepts),
		cmocka_unit_test(many_repeated_keys_are_dropped_quickly),
		cmocka_unit_test(versions_gate_output),
		cmocka_unit_test(members_without_the_braces),
		cmocka_unit_test(a_copy_stands_alone),
		cmocka_unit_test(survives_a_full_arena),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
