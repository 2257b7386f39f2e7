/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/container/harness.h"

/* --- what stands outside --- */

const struct network_info *network_find(struct network_system *n, const char *name)
{
	static const struct network_info networks[] = {
		{.name = "bridge"}, {.name = "host"}, {.name = "none"}};

	(void)n;
	for (size_t i = 0; i < ARRAY_LEN(networks); i++)
		if (!strcmp(name, networks[i].name))
			return &networks[i];
	return NULL;
}

const char *engine_runtime_path(const struct engine *eng, const char *name)
{
	(void)eng;
	return strcmp(name, "runc") ? NULL : "/usr/sbin/runc";
}

/* --- */

static const struct engine_options options = {.default_runtime = "runc",
					      .default_log_driver = "none"};
static const struct engine engine = {.opt = &options};

static int validate(const char *body, unsigned minor, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return container_validate(&engine, request_from(body), minor, e);
}

static void what_clients_send_is_taken(void **state)
{
	static const char *const bodies[] = {
		"{}",
		/* the sentinels of the command line client */
		"{'Image':'x','HostConfig':{'NetworkMode':'default','MemorySwappiness':-1,"
		"'PidsLimit':0,'ConsoleSize':[0,0],'RestartPolicy':{'Name':'no',"
		"'MaximumRetryCount':0},'Isolation':'','BlkioWeightDevice':[],'Devices':[],"
		"'DeviceCgroupRules':null},"
		"'NetworkingConfig':{'EndpointsConfig':{'default':{'MacAddress':''}}}}",
		"{'Env':['A=1','B','C='],'WorkingDir':'/x','StopSignal':'SIGUSR1','Hostname':'h'}",
		"{'HostConfig':{'Memory':6291456,'MemorySwap':-1,'NanoCpus':10000000,"
		"'CpuShares':2,'PidsLimit':-1,'OomScoreAdj':-1000}}",
		"{'HostConfig':{'NetworkMode':'host','PidMode':'host','IpcMode':'host',"
		"'UTSMode':'host','CgroupnsMode':'host','Privileged':true}}",
		"{'HostConfig':{'NetworkMode':'container:abc'}}",
		"{'HostConfig':{'CapAdd':['NET_ADMIN','CAP_SYS_TIME'],'CapDrop':['ALL'],"
		"'Runtime':'runc','ExtraHosts':['a:1.2.3.4','b:host-gateway'],"
		"'AutoRemove':true,'Init':true}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct err e;

		if (validate(bodies[i], 51, &e) < 0)
			fail_msg("%s: %s", bodies[i], e.msg);
	}
}

static void what_makes_no_sense_is_refused_in_the_engine_s_words(void **state)
{
	static const struct {
		const char *body, *message;
	} examples[] = {
		{"{'Env':['=foo']}", "invalid environment variable: =foo"},
		{"{'Env':['']}", "invalid environment variable: "},
		{"{'WorkingDir':'x'}",
		 "the working directory 'x' is invalid, it needs to be an absolute path"},
		{"{'StopSignal':'SIGNOPE'}", "invalid signal: SIGNOPE"},
		{"{'HostConfig':{'Memory':6291455}}", "Minimum memory limit allowed is 6MB"},
		{"{'HostConfig':{'Memory':10485760,'MemorySwap':10485759}}",
		 "Minimum memoryswap limit should be larger than memory limit, see usage"},
		{"{'HostConfig':{'MemorySwap':10485760}}",
		 "You should always set the Memory limit when using Memoryswap limit, see usage"},
		{"{'HostConfig':{'MemorySwappiness':101}}",
		 "Invalid value: 101, valid memory swappiness range is 0-100"},
		{"{'HostConfig':{'OomScoreAdj':1001}}",
		 "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
		{"{'HostConfig':{'NanoCpus':1000000000,'CpuPeriod':100000}}",
		 "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
		{"{'HostConfig':{'NanoCpus':1000000000,'CpuQuota':100000}}",
		 "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
		{"{'HostConfig':{'RestartPolicy':{'Name':'sometimes'}}}",
		 "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', "
		 "'on-failure', or 'unless-stopped'"},
		{"{'HostConfig':{'AutoRemove':true,'RestartPolicy':{'Name':'always'}}}",
		 "can't create 'AutoRemove' container with restart policy"},
		{"{'Hostname':'h','HostConfig':{'NetworkMode':'container:x'}}",
		 "conflicting options: hostname and the network mode"},
		{"{'HostConfig':{'NetworkMode':'container:x',"
		 "'PortBindings':{'80/tcp':[{'HostPort':'80'}]}}}",
		 "conflicting options: port publishing and the container type network mode"},
		{"{'HostConfig':{'PortBindings':{'x':[]}}}", "invalid port specification: \"x\""},
		{"{'HostConfig':{'ExtraHosts':['nonsense']}}",
		 "bad format for add-host: \"nonsense\""},
		{"{'HostConfig':{'ExtraHosts':['a:b']}}", "invalid IP address in add-host: \"b\""},
		{"{'HostConfig':{'CapAdd':['SYS_MAGIC']}}",
		 "invalid CapAdd: unknown capability: \"CAP_SYS_MAGIC\""},
		{"{'HostConfig':{'Runtime':'kata'}}", "unknown or invalid runtime name: kata"},
		{"{'NetworkingConfig':{'EndpointsConfig':{'bridge':"
		 "{'IPAMConfig':{'IPv4Address':'172.17.0.9'}}}}}",
		 "user specified IP address is supported on user defined networks only"},
		{"{'NetworkingConfig':{'EndpointsConfig':{'bridge':{'Aliases':['a']}}}}",
		 "network-scoped alias is supported only for containers in user defined networks"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e;

		if (validate(examples[i].body, 51, &e) == 0)
			fail_msg("%s is taken", examples[i].body);
		assert_string_equal(e.msg, examples[i].message);
		assert_int_equal(e.kind, ERR_INVALID);
	}
}

static void more_processors_than_there_are_cannot_be_had(void **state)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct err e;

	(void)state;
	assert_true(validate(arena_printf(&arena, "{'HostConfig':{'NanoCpus':%ld000000001}}", cpus),
			     51, &e) < 0);
	assert_string_equal(e.msg,
			    arena_printf(&arena,
					 "range of CPUs is from 0.01 to %ld.00, as there are only "
					 "%ld CPUs available",
					 cpus, cpus));
}

static void unknown_networks_are_not_found(void **state)
{
	static const char *const bodies[] = {
		"{'HostConfig':{'NetworkMode':'mine'}}",
		"{'NetworkingConfig':{'EndpointsConfig':{'mine':{}}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct err e;

		assert_true(validate(bodies[i], 51, &e) < 0);
		assert_int_equal(e.kind, ERR_NOT_FOUND);
		assert_string_equal(e.msg, "network mine not found");
	}
}

static void old_versions_ask_for_less(void **state)
{
	static const char two[] =
		"{'NetworkingConfig':{'EndpointsConfig':{'bridge':{},'host':{}}}}";
	struct create_request *req = request_from("{'HostConfig':{'AutoRemove':true}}");
	struct err e;

	(void)state;
	assert_true(validate(two, 43, &e) < 0);
	assert_string_equal(
		e.msg, "Container cannot be created with multiple network endpoints: bridge, host");
	assert_int_equal(container_validate(&engine, req, 24, &e), 0);
	assert_false(req->host.auto_remove);
}

static void what_is_not_carried_out_is_named(void **state)
{
	struct err e;

	(void)state;
	assert_true(validate("{'HostConfig':{'CpuRealtimeRuntime':1000}}", 51, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
	assert_string_equal(e.msg, "HostConfig.CpuRealtimeRuntime is not supported by this engine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_send_is_taken),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_the_engine_s_words),
		cmocka_unit_test(more_processors_than_there_are_cannot_be_had),
		cmocka_unit_test(unknown_networks_are_not_found),
		cmocka_unit_test(old_versions_ask_for_less),
		cmocka_unit_test(what_is_not_carried_out_is_named),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
