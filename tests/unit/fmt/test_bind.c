/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/bind.h"

struct port {
	const char *ip, *port;
};
struct device {
	const char *path;
	int64_t weight;
};
struct policy {
	const char *name;
	int64_t retries;
	int8_t strict;
	const char *forbidden;
};
struct host {
	int64_t memory;
	struct opt_i64 pids, swappiness;
	bool privileged;
	int8_t init;
	struct texts binds, command, exposed, listed;
	struct text_map labels;
	struct policy restart, extra;
	struct policy *health;
	struct shape_array devices;
	struct shape_map networks, ports;
	struct str raw;
	const char *name, *made, *secret, *early;
};

static const struct shape_field port_fields[] = {
	SHAPE_FIELD(struct port, "HostIp", ip, SHAPE_TEXT),
	SHAPE_FIELD(struct port, "HostPort", port, SHAPE_TEXT),
};
static const struct shape port_shape = {
	.name = "PortBinding",
	.size = sizeof(struct port),
	.fields = port_fields,
	.n_fields = ARRAY_LEN(port_fields),
};
static const struct shape_field device_fields[] = {
	SHAPE_FIELD(struct device, "Path", path, SHAPE_TEXT),
	SHAPE_FIELD(struct device, "Weight", weight, SHAPE_I64),
};
static const struct shape device_shape = {
	.name = "DeviceMapping",
	.size = sizeof(struct device),
	.fields = device_fields,
	.n_fields = ARRAY_LEN(device_fields),
};

static void policy_defaults(void *object)
{
	((struct policy *)object)->retries = 7;
}

static const struct shape_field policy_fields[] = {
	SHAPE_FIELD(struct policy, "Name", name, SHAPE_TEXT),
	SHAPE_FIELD(struct policy, "MaximumRetryCount", retries, SHAPE_I64),
	SHAPE_FIELD(struct policy, "Strict", strict, SHAPE_TRI, .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct policy, "Forbidden", forbidden, SHAPE_TEXT,
		    .flags = SHAPE_OMIT_EMPTY | SHAPE_REFUSED),
};
static const struct shape policy_shape = {
	.name = "RestartPolicy",
	.size = sizeof(struct policy),
	.fields = policy_fields,
	.n_fields = ARRAY_LEN(policy_fields),
	.init = policy_defaults,
};
static const struct shape_field host_fields[] = {
	SHAPE_FIELD(struct host, "Memory", memory, SHAPE_I64),
	SHAPE_FIELD(struct host, "PidsLimit", pids, SHAPE_OPT_I64),
	SHAPE_FIELD(struct host, "MemorySwappiness", swappiness, SHAPE_OPT_I64,
		    .flags = SHAPE_REFUSED | SHAPE_MINUS_ONE_EMPTY | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Privileged", privileged, SHAPE_BOOL),
	SHAPE_FIELD(struct host, "Init", init, SHAPE_TRI),
	SHAPE_FIELD(struct host, "Binds", binds, SHAPE_TEXTS),
	SHAPE_FIELD(struct host, "Cmd", command, SHAPE_TEXTS_OR_ONE, .flags = SHAPE_EMPTY_ARRAY),
	SHAPE_FIELD(struct host, "ExposedPorts", exposed, SHAPE_TEXT_SET,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Listed", listed, SHAPE_TEXTS,
		    .flags = SHAPE_REFUSED | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Labels", labels, SHAPE_TEXT_MAP),
	SHAPE_FIELD(struct host, "RestartPolicy", restart, SHAPE_STRUCT, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "Extra", extra, SHAPE_STRUCT, .sub = &policy_shape,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Health", health, SHAPE_PTR, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "Devices", devices, SHAPE_ARRAY, .sub = &device_shape,
		    .flags = SHAPE_REFUSED),
	SHAPE_FIELD(struct host, "Networks", networks, SHAPE_MAP, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "PortBindings", ports, SHAPE_MAP_ARRAY, .sub = &port_shape),
	SHAPE_FIELD(struct host, "Raw", raw, SHAPE_RAW, .flags = SHAPE_REFUSED),
	SHAPE_FIELD(struct host, "Name", name, SHAPE_TEXT),
	SHAPE_FIELD(struct host, "Made", made, SHAPE_TEXT, .since = 40,
		    .flags = SHAPE_WRITE_ONLY | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Secret", secret, SHAPE_TEXT, .since = 44,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Early", early, SHAPE_TEXT, .until = 44,
		    .flags = SHAPE_OMIT_EMPTY),
};
static const struct shape host_shape = {
	.name = "HostConfig",
	.size = sizeof(struct host),
	.fields = host_fields,
	.n_fields = ARRAY_LEN(host_fields),
};

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 64 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct host decode(const char *text)
{
	struct host h;
	struct err e = ERR_INIT;

	if (shape_decode_text(&host_shape, str_from(text), &arena, &h, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return h;
}

static const char *encode(const struct host *h, unsigned minor)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, &arena, 1 << 20);
	json_begin(&w, &b);
	shape_encode(&host_shape, h, &w, minor);
	assert_false(b.failed);
	return buf_text(&b);
}

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

static void says_what_is_wrong_as_go_does(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[]", "json: cannot unmarshal array into Go value of type HostConfig"},
		{"\"x\"", "json: cannot unmarshal string into Go value of type HostConfig"},
		{"{\"Memory\":\"x\"}", "json: cannot unmarshal string into Go struct field "
				       "HostConfig.Memory of type int64"},
		{"{\"Memory\":1e99}", "json: cannot unmarshal number 1e99 into Go struct field "
				      "HostConfig.Memory of type int64"},
		{"{\"Memory\":1.5}", "json: cannot unmarshal number 1.5 into Go struct field "
				     "HostConfig.Memory of type int64"},
		{"{\"Memory\":1e3}", "json: cannot unmarshal number 1e3 into Go struct field "
				     "HostConfig.Memory of type int64"},
		{"{\"PidsLimit\":9223372036854775808}",
		 "json: cannot unmarshal number 9223372036854775808 into Go struct field "
		 "HostConfig.PidsLimit of type int64"},
		{"{\"Privileged\":1}", "json: cannot unmarshal number into Go struct field "
				       "HostConfig.Privileged of type bool"},
		{"{\"Init\":\"a\"}", "json: cannot unmarshal string into Go struct field "
				     "HostConfig.Init of type bool"},
		{"{\"Name\":{}}", "json: cannot unmarshal object into Go struct field "
				  "HostConfig.Name of type string"},
		{"{\"Binds\":\"a\"}", "json: cannot unmarshal string into Go struct field "
				      "HostConfig.Binds of type []string"},
		{"{\"Binds\":[1]}", "json: cannot unmarshal number into Go struct field "
				    "HostConfig.Binds of type string"},
		{"{\"Cmd\":true}", "json: cannot unmarshal bool into Go struct field "
				   "HostConfig.Cmd of type []string"},
		{"{\"Labels\":[]}", "json: cannot unmarshal array into Go struct field "
				    "HostConfig.Labels of type map[string]string"},
		{"{\"Labels\":{\"a\":1}}", "json: cannot unmarshal number into Go struct field "
					   "HostConfig.Labels of type string"},
		{"{\"ExposedPorts\":[]}", "json: cannot unmarshal array into Go struct field "
					  "HostConfig.ExposedPorts of type map[string]struct {}"},
		{"{\"ExposedPorts\":{\"a\":1}}",
		 "json: cannot unmarshal number into Go struct field "
		 "HostConfig.ExposedPorts of type struct {}"},
		{"{\"RestartPolicy\":\"no\"}", "json: cannot unmarshal string into Go struct field "
					       "HostConfig.RestartPolicy of type RestartPolicy"},
		{"{\"RestartPolicy\":{\"Name\":1}}",
		 "json: cannot unmarshal number into Go struct field "
		 "RestartPolicy.Name of type string"},
		{"{\"Health\":[]}", "json: cannot unmarshal array into Go struct field "
				    "HostConfig.Health of type RestartPolicy"},
		{"{\"Devices\":{}}", "json: cannot unmarshal object into Go struct field "
				     "HostConfig.Devices of type []DeviceMapping"},
		{"{\"Devices\":[{\"Weight\":\"a\"}]}",
		 "json: cannot unmarshal string into Go struct field "
		 "DeviceMapping.Weight of type int64"},
		{"{\"Networks\":[]}", "json: cannot unmarshal array into Go struct field "
				      "HostConfig.Networks of type map[string]RestartPolicy"},
		{"{\"PortBindings\":1}",
		 "json: cannot unmarshal number into Go struct field "
		 "HostConfig.PortBindings of type map[string][]PortBinding"},
		{"{\"PortBindings\":{\"80\":{}}}",
		 "json: cannot unmarshal object into Go struct field "
		 "HostConfig.PortBindings of type []PortBinding"},
		{"{\"Name\":\"a\\u0000b\"}", "json: NUL character in HostConfig.Name"},
		{"{\"Labels\":{\"a\\u0000\":\"b\"}}", "json: NUL character in HostConfig.Labels"},
		{"{", "unexpected end of JSON input"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct host h;

		assert_int_equal(
			shape_decode_text(&host_shape, str_from(cases[i].text), &arena, &h, &e),
			-EINVAL);
		assert_string_equal(e.msg, cases[i].message);
		assert_int_equal(e.kind, ERR_INVALID);
	}
}

static void refuses_what_is_not_offered(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{}", NULL},
		{empty, NULL},
		{"{\"Devices\":[],\"Listed\":[],\"Raw\":{},\"MemorySwappiness\":-1}", NULL},
		{"{\"Raw\":null,\"MemorySwappiness\":0}", NULL},
		{"{\"Raw\":[]}", NULL},
		{"{\"Raw\":\"\"}", NULL},
		{"{\"Raw\":false}", NULL},
		{"{\"Health\":{\"Forbidden\":\"\"}}", NULL},
		{"{\"Devices\":[{}]}", "HostConfig.Devices is not supported by this engine"},
		{"{\"Listed\":[\"\"]}", "HostConfig.Listed is not supported by this engine"},
		{"{\"Raw\":{\"a\":1}}", "HostConfig.Raw is not supported by this engine"},
		{"{\"MemorySwappiness\":-2}",
		 "HostConfig.MemorySwappiness is not supported by this engine"},
		{"{\"RestartPolicy\":{\"Forbidden\":\"x\"}}",
		 "RestartPolicy.Forbidden is not supported by this engine"},
		{"{\"Health\":{\"Forbidden\":\"x\"}}",
		 "RestartPolicy.Forbidden is not supported by this engine"},
		{"{\"Networks\":{\"a\":null,\"b\":{\"Forbidden\":\"x\"}}}",
		 "RestartPolicy.Forbidden is not supported by this engine"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h = decode(cases[i].text);
		struct err e = ERR_INIT;
		int r = shape_check_refused(&host_shape, &h, &e);

		assert_int_equal(r, cases[i].message ? -ENOSYS : 0);
		assert_string_equal(e.msg, cases[i].message ? cases[i].message : "");
	}
}

static void emptiness(void **state)
{
	struct port p = {NULL, ""};

	(void)state;
	assert_true(shape_is_empty(&port_shape, &p));
	p.ip = "0.0.0.0";
	assert_false(shape_is_empty(&port_shape, &p));
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
	struct host h, copy;
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
		struct host h, copy;
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
		cmocka_unit_test(says_what_is_wrong_as_go_does),
		cmocka_unit_test(refuses_what_is_not_offered),
		cmocka_unit_test(emptiness),
		cmocka_unit_test(versions_gate_output),
		cmocka_unit_test(members_without_the_braces),
		cmocka_unit_test(a_copy_stands_alone),
		cmocka_unit_test(survives_a_full_arena),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
