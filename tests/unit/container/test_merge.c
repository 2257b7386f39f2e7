/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/config.h"
#include "tests/unit/container/harness.h"

static const char id[] = "0123456789abcdef";
static struct engine_options options = {
	.default_runtime = "runc",
	.default_log_driver = "none",
};

/* Merge a request with an image whose configuration is given like a request's. */
static struct create_request *merge(const char *own, const char *image)
{
	struct create_request *req = request_from(own);
	struct image img = {0};
	struct err e = ERR_INIT;

	img.spec.config = request_from(image)->config;
	if (container_merge(req, &options, false, &img, id, &arena, &e) < 0)
		fail_msg("%s: %s", own, e.msg);
	return req;
}

static void the_command_is_put_together(void **state)
{
	static const char image[] = "{'Entrypoint':['/entry'],'Cmd':['a','b']}";
	static const struct {
		const char *own, *image, *argv;
	} examples[] = {
		{"{}", image, "/entry a b"},
		{"{'Cmd':['c']}", image, "/entry c"},
		{"{'Cmd':[]}", image, "/entry a b"},
		{"{'Entrypoint':['/own']}", image, "/own"},
		{"{'Entrypoint':['/own'],'Cmd':['c']}", image, "/own c"},
		{"{'Entrypoint':'/own'}", image, "/own"},
		{"{'Entrypoint':[''],'Cmd':['c','d']}", image, "c d"},
		{"{'Entrypoint':[]}", image, "a b"},
		{"{}", "{'Cmd':['sh']}", "sh"},
		{"{}", "{'Entrypoint':[''],'Cmd':['sh']}", "sh"},
		{"{}", "{}", NULL},
		{"{'Entrypoint':['']}", image, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct create_request *req = merge(examples[i].own, examples[i].image);
		struct err e = ERR_INIT;
		const char *path;
		struct texts args;
		int r = container_argv(&req->config, &arena, &path, &args, &e);

		if (!examples[i].argv) {
			assert_true(r < 0);
			assert_int_equal(e.kind, ERR_INVALID);
			assert_string_equal(e.msg, "no command specified");
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(args.n ? arena_printf(&arena, "%s %s", path, joined(&args))
					   : path,
				    examples[i].argv);
	}
}

static void the_container_s_environment_wins(void **state)
{
	struct create_request *req = merge("{'Env':['A=own','GONE','E=']}",
					   "{'Env':['PATH=/bin','A=image','AB=1','GONE=1','E=2']}");

	(void)state;
	assert_string_equal(joined(&req->config.env), "A=own GONE E= PATH=/bin AB=1");
	assert_string_equal(joined(&merge("{}", "{'Env':['X=1']}")->config.env), "X=1");
}

static void sets_and_labels_are_united(void **state)
{
	struct create_request *req =
		merge("{'Labels':{'a':'own'},'ExposedPorts':{'80/tcp':{}},"
		      "'HostConfig':{'PortBindings':{'53/udp':[{'HostPort':'53'}],'90':[]}}}",
		      "{'Labels':{'a':'image','b':'2'},'ExposedPorts':{'80/tcp':{},'81/tcp':{}},"
		      "'Volumes':{'/data':{}}}");

	(void)state;
	assert_int_equal(req->config.labels.n, 2);
	assert_string_equal(text_map_get(&req->config.labels, "a"), "own");
	assert_string_equal(text_map_get(&req->config.labels, "b"), "2");
	assert_string_equal(joined(&req->config.exposed_ports), "80/tcp 81/tcp 53/udp 90/tcp");
	assert_string_equal(joined(&req->config.volumes), "/data");
	assert_true(merge("{}", "{}")->config.labels.set);
}

static void the_rest_comes_from_the_image_when_absent(void **state)
{
	static const char image[] = "{'User':'app','WorkingDir':'/srv','StopSignal':'SIGINT',"
				    "'StopTimeout':3,'Shell':['/bin/bash','-c']}";
	struct create_request *req = merge("{'User':'','WorkingDir':'/own'}", image);

	(void)state;
	assert_string_equal(req->config.user, "app");
	assert_string_equal(req->config.working_dir, "/own");
	assert_string_equal(req->config.stop_signal, "SIGINT");
	assert_int_equal(req->config.stop_timeout.v, 3);
	assert_string_equal(joined(&req->config.shell), "/bin/bash -c");
	req = merge("{'User':'me','StopSignal':'9','StopTimeout':0}", image);
	assert_string_equal(req->config.user, "me");
	assert_string_equal(req->config.stop_signal, "9");
	assert_true(req->config.stop_timeout.set);
	assert_int_equal(req->config.stop_timeout.v, 0);
}

static void the_health_check_is_merged_by_field(void **state)
{
	static const char image[] = "{'Healthcheck':{'Test':['CMD','x'],'Interval':5,'Retries':2}}";
	struct create_request *req = merge("{'Healthcheck':{'Interval':7,'Timeout':9}}", image);

	(void)state;
	assert_string_equal(joined(&req->config.healthcheck->test), "CMD x");
	assert_int_equal(req->config.healthcheck->interval, 7);
	assert_int_equal(req->config.healthcheck->timeout, 9);
	assert_int_equal(req->config.healthcheck->retries, 2);
	assert_int_equal(merge("{}", image)->config.healthcheck->interval, 5);
	assert_null(merge("{}", "{}")->config.healthcheck);
}

static void the_engine_s_defaults_are_filled_in(void **state)
{
	struct create_request *req = merge("{}", "{}");

	(void)state;
	assert_string_equal(req->config.hostname, "0123456789ab");
	assert_string_equal(req->host.network_mode, "bridge");
	assert_string_equal(req->host.ipc_mode, "private");
	assert_int_equal(req->host.shm_size, 64 << 20);
	assert_string_equal(req->host.runtime, "runc");
	assert_string_equal(req->host.restart_policy.name, "no");
	assert_true(str_eqz(req->host.console_size_raw, "[0,0]"));
	assert_int_equal(req->host.memory_swap, 0);

	/* What clients send for "unset". */
	req = merge("{'Hostname':'h','HostConfig':{'NetworkMode':'default','PidsLimit':0,"
		    "'MemorySwappiness':-1,'Memory':10485760}}",
		    "{}");
	assert_string_equal(req->config.hostname, "h");
	assert_string_equal(req->host.network_mode, "bridge");
	assert_false(req->host.pids_limit.set);
	assert_int_equal(req->host.memory_swap, 20971520);
	req = merge("{'HostConfig':{'Memory':10485760,'MemorySwap':-1,'PidsLimit':5}}", "{}");
	assert_int_equal(req->host.memory_swap, -1);
	assert_int_equal(req->host.pids_limit.v, 5);
}

static void log_options_of_the_daemon_hold_for_its_driver(void **state)
{
	struct text_pair pairs[] = {{"max-size", "10m"}, {"max-file", "3"}};
	struct create_request *req;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	options.default_log_driver = "json-file";
	options.default_log_opts = (struct text_map){pairs, ARRAY_LEN(pairs), true};
	req = merge("{}", "{}");
	assert_string_equal(req->host.log_config.type, "json-file");
	assert_string_equal(text_map_get(&req->host.log_config.options, "max-file"), "3");
	req = merge("{'HostConfig':{'LogConfig':{'Type':'json-file','Config':{'max-file':'2'}}}}",
		    "{}");
	assert_string_equal(text_map_get(&req->host.log_config.options, "max-file"), "2");
	assert_string_equal(text_map_get(&req->host.log_config.options, "max-size"), "10m");
	req = merge("{'HostConfig':{'LogConfig':{'Type':'none'}}}", "{}");
	assert_int_equal(req->host.log_config.options.n, 0);
	options.default_log_driver = "none";
	options.default_log_opts = (struct text_map){0};
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_is_put_together),
		cmocka_unit_test(the_container_s_environment_wins),
		cmocka_unit_test(sets_and_labels_are_united),
		cmocka_unit_test(the_rest_comes_from_the_image_when_absent),
		cmocka_unit_test(the_health_check_is_merged_by_field),
		cmocka_unit_test(the_engine_s_defaults_are_filled_in),
		cmocka_unit_test(log_options_of_the_daemon_hold_for_its_driver),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
