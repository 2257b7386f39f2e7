/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fmt/bind_shapes.h"

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
		{"null", NULL},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong_as_go_does),
		cmocka_unit_test(refuses_what_is_not_offered),
		cmocka_unit_test(emptiness),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
