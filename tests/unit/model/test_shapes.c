/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of Config, HostConfig and the image configuration, as clients and images send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/model/config.h"

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 8 << 20);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* ' stands for ". */
static struct str json(const char *text)
{
	char *copy = arena_strdup(&arena, text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return str_from(copy);
}

static int decode(const char *text, struct create_request *ret, struct err *e)
{
	struct json_node root;

	*e = (struct err)ERR_INIT;
	*ret = (struct create_request){0};
	if (json_parse(json(text), &arena, &root, e) < 0)
		return err_code(e);
	return create_request_decode(root, &arena, ret, e);
}

static const char *encode(const struct shape *s, const void *object, unsigned minor)
{
	struct json_writer w;
	struct buf out;

	buf_init(&out, &arena, 1 << 20);
	json_begin(&w, &out);
	shape_encode(s, object, &w, minor);
	return buf_text(&out);
}

static void the_body_of_create_is_config_with_two_more_members(void **state)
{
	struct create_request req;
	struct err e;

	(void)state;
	assert_int_equal(
		decode("{'Image':'a','cmd':'one','Entrypoint':null,'HostConfig':{'Binds':['/a:/b'],"
		       "'Ulimits':[{'Name':'nofile','Soft':1,'Hard':2}]},"
		       "'NetworkingConfig':{'EndpointsConfig':{'n':{'Aliases':['x']},'m':null}},"
		       "'Unknown':{'x':[1,2]}}",
		       &req, &e),
		0);
	assert_string_equal(req.config.image, "a");
	assert_string_equal(req.config.cmd.items[0], "one");
	assert_false(req.config.entrypoint.set);
	assert_string_equal(req.host.binds.items[0], "/a:/b");
	assert_int_equal(((struct ulimit *)req.host.ulimits.items)[0].hard, 2);
	assert_int_equal(req.networking.endpoints.n, 2);
	assert_null(req.networking.endpoints.items[1].value);
	assert_int_equal(req.host.init, SHAPE_TRI_UNSET);
	assert_false(req.host.pids_limit.set);
}

static void wrong_types_are_named_as_go_names_them(void **state)
{
	static const struct {
		const char *body, *message;
	} examples[] = {
		{"{'Tty':'yes'}", "Go struct field Config.Tty of type bool"},
		{"{'Env':'A=1'}", "Go struct field Config.Env of type []string"},
		{"{'HostConfig':{'Memory':'1g'}}",
		 "Go struct field HostConfig.Memory of type int64"},
		{"{'HostConfig':{'Memory':1.5}}", "HostConfig.Memory"},
		{"{'HostConfig':[]}", "HostConfig"},
		{"{'Labels':{'a':1}}", "Config.Labels"},
		{"{'HostConfig':{'PortBindings':{'80/tcp':{}}}}", "PortBindings"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct create_request req;
		struct err e;

		if (decode(examples[i].body, &req, &e) == 0)
			fail_msg("%s is taken", examples[i].body);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_non_null(strstr(e.msg, "json: cannot unmarshal"));
		if (!strstr(e.msg, examples[i].message))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, examples[i].message);
	}
}

static void every_member_survives_being_written_and_copied(void **state)
{
	static const char body[] =
		"{'Hostname':'h','Domainname':'d','User':'u','AttachStdin':true,'Tty':true,"
		"'ExposedPorts':{'80/tcp':{}},'OpenStdin':true,'StdinOnce':true,'Env':['A=1'],"
		"'Cmd':['c'],'Healthcheck':{'Test':['NONE'],'Interval':1,'Retries':2},"
		"'Image':'i','Volumes':{'/v':{}},'WorkingDir':'/w','Entrypoint':['e'],"
		"'OnBuild':['RUN x'],'Labels':{'l':'1'},'StopSignal':'SIGINT','StopTimeout':5,"
		"'Shell':['/bin/sh'],'HostConfig':{'Binds':['/a:/b'],'LogConfig':{'Type':'none',"
		"'Config':{'k':'v'}},'NetworkMode':'n','PortBindings':{'80/tcp':[{'HostIp':'',"
		"'HostPort':'1'}]},'RestartPolicy':{'Name':'always','MaximumRetryCount':0},"
		"'AutoRemove':true,'CapAdd':['A'],'CapDrop':['B'],'Dns':['1.1.1.1'],"
		"'ExtraHosts':['a:1.2.3.4'],'GroupAdd':['g'],'Privileged':true,"
		"'SecurityOpt':['no-new-privileges'],'Tmpfs':{'/t':'size=1m'},'ShmSize':7,"
		"'Sysctls':{'net.x':'1'},'Runtime':'crun','CpuShares':2,'Memory':3,'NanoCpus':4,"
		"'Devices':[{'PathOnHost':'/a','PathInContainer':'/b','CgroupPermissions':'rwm'}],"
		"'MemorySwap':-1,'MemorySwappiness':0,'OomKillDisable':false,'PidsLimit':9,"
		"'Mounts':[{'Type':'bind','Source':'/s','Target':'/t','BindOptions':"
		"{'Propagation':'rslave'}}],'MaskedPaths':[],'ReadonlyPaths':['/r'],'Init':false}}";
	struct create_request req;
	struct container_config config;
	struct host_config host;
	const char *first;
	struct err e;

	(void)state;
	assert_int_equal(decode(body, &req, &e), 0);
	first = encode(&shape_container_config, &req.config, 0);
	assert_int_equal(
		shape_decode_text(&shape_container_config, str_from(first), &arena, &config, &e),
		0);
	assert_string_equal(encode(&shape_container_config, &config, 0), first);
	assert_int_equal(shape_copy(&shape_container_config, &req.config, &arena, &config), 0);
	assert_string_equal(encode(&shape_container_config, &config, 0), first);

	first = encode(&shape_host_config, &req.host, 0);
	assert_int_equal(shape_decode_text(&shape_host_config, str_from(first), &arena, &host, &e),
			 0);
	assert_string_equal(encode(&shape_host_config, &host, 0), first);
	assert_int_equal(shape_copy(&shape_host_config, &req.host, &arena, &host), 0);
	assert_string_equal(encode(&shape_host_config, &host, 0), first);
	assert_non_null(strstr(first, "\"MaskedPaths\":[]"));
	assert_non_null(strstr(first, "\"Init\":false"));
	assert_non_null(strstr(first, "\"MemorySwappiness\":0"));
}

static void an_empty_config_looks_like_the_engine_s(void **state)
{
	struct create_request req;
	const char *text;
	struct err e;

	(void)state;
	assert_int_equal(decode("{}", &req, &e), 0);
	text = encode(&shape_container_config, &req.config, 51);
	assert_non_null(strstr(text, "\"Cmd\":null"));
	assert_non_null(strstr(text, "\"Entrypoint\":null"));
	assert_non_null(strstr(text, "\"Labels\":null"));
	assert_null(strstr(text, "StopTimeout"));
	assert_null(strstr(text, "Healthcheck"));
	text = encode(&shape_host_config, &req.host, 51);
	assert_non_null(strstr(text, "\"Binds\":null"));
	assert_non_null(strstr(text, "\"PortBindings\":{}"));
	assert_non_null(strstr(text, "\"Dns\":[]"));
	assert_non_null(strstr(text, "\"PidsLimit\":null"));
	assert_null(strstr(text, "\"Init\""));
}

static void image_configurations_are_read(void **state)
{
	struct image_spec spec = {0};
	const struct image_history *history;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
		shape_decode_text(
			&shape_image_spec,
			json("{'architecture':'arm64','variant':'v8','os':'linux',"
			     "'config':{'Env':['A=1'],'Cmd':['sh'],'ExposedPorts':{'1/tcp':{}}},"
			     "'rootfs':{'type':'layers','diff_ids':['sha256:aa']},"
			     "'history':[{'created_by':'x','empty_layer':true},{}],'moby.x':1}"),
			&arena, &spec, &e),
		0);
	assert_string_equal(spec.variant, "v8");
	assert_string_equal(spec.config.cmd.items[0], "sh");
	assert_string_equal(spec.rootfs.diff_ids.items[0], "sha256:aa");
	history = spec.history.items;
	assert_int_equal(spec.history.n, 2);
	assert_true(history[0].empty_layer && !history[1].empty_layer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_of_create_is_config_with_two_more_members),
		cmocka_unit_test(wrong_types_are_named_as_go_names_them),
		cmocka_unit_test(every_member_survives_being_written_and_copied),
		cmocka_unit_test(an_empty_config_looks_like_the_engine_s),
		cmocka_unit_test(image_configurations_are_read),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
