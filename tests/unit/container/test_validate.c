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
static const struct engine engine = {.opt = &options,
				     .limits = {.memory = true,
						.swap = true,
						.reservation = true,
						.swappiness = true,
						.oom_kill_disable = true,
						.cpu_shares = true,
						.cpu_cfs = true,
						.cpu_realtime = true,
						.cpuset = true,
						.pids = true,
						.io_weight = true,
						.io_weight_device = true,
						.read_bps = true,
						.cpus = "0-3,8",
						.mems = "0"}};
static const struct engine bare = {.opt = &options};

static int validate(const char *body, unsigned minor, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return container_validate(&engine, request_from(body), minor, NULL, e);
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
		"{'HostConfig':{'IpcMode':'container:x','PidMode':'container:y'}}",
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
		 "invalid config for network bridge: invalid endpoint settings:\n"
		 "user specified IP address is supported on user defined networks only"},
		{"{'NetworkingConfig':{'EndpointsConfig':{'bridge':{'Aliases':['a']}}}}",
		 "invalid config for network bridge: invalid endpoint settings:\n"
		 "network-scoped alias is supported only for containers in user defined networks"},
		{"{'NetworkingConfig':{'EndpointsConfig':{'bridge':{'MacAddress':'x'}}}}",
		 "invalid config for network bridge: invalid endpoint settings:\n"
		 "invalid MAC address x"},
		{"{'HostConfig':{'CpusetCpus':'4'}}",
		 "Requested CPUs are not available - requested 4, available: 0-3,8"},
		{"{'HostConfig':{'CpusetMems':'0-1'}}",
		 "Requested memory nodes are not available - requested 0-1, available: 0"},
		{"{'HostConfig':{'CpusetCpus':'0-x'}}",
		 "Invalid value 0-x for cpuset cpus: invalid format: 0-x"},
		{"{'HostConfig':{'BlkioWeight':9}}", "Range of blkio weight is from 10 to 1000"},
		{"{'HostConfig':{'IOMaximumIOps':9}}",
		 "invalid QoS settings: linux does not support configuration of maximum IOPs"},
		{"{'HostConfig':{'CpuRealtimePeriod':10,'CpuRealtimeRuntime':11}}",
		 "cpu real-time runtime cannot be higher than cpu real-time period"},
		{"{'HostConfig':{'IpcMode':'container:'}}", "invalid IPC mode: container:"},
		{"{'HostConfig':{'PidMode':'private'}}", "invalid PID mode: private"},
		{"{'HostConfig':{'UTSMode':'container:x'}}", "invalid UTS mode: container:x"},
		{"{'HostConfig':{'CgroupnsMode':'x'}}", "invalid cgroup namespace mode: x"},
		{"{'HostConfig':{'Isolation':'hyperv'}}", "invalid isolation 'hyperv' on linux"},
		{"{'Hostname':'h','HostConfig':{'UTSMode':'host'}}",
		 "conflicting options: hostname and the UTS mode"},
		{"{'MacAddress':'92:d0:c6:0a:29:33','HostConfig':{'NetworkMode':'host'}}",
		 "conflicting options: mac-address and the network mode"},
		{"{'HostConfig':{'NetworkMode':'container'}}",
		 "Invalid network mode: invalid container format container:<name|id>"},
		{"{'HostConfig':{'Annotations':{'':'x'}}}",
		 "invalid Annotations: the empty string is not permitted as an annotation key"},
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

static void networks_need_not_be_there_yet(void **state)
{
	static const char *const bodies[] = {
		"{'HostConfig':{'NetworkMode':'mine'}}",
		"{'NetworkingConfig':{'EndpointsConfig':{'mine':{}}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		assert_int_equal(validate(bodies[i], 51, &(struct err)ERR_INIT), 0);
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
	assert_int_equal(container_validate(&engine, req, 24, NULL, &e), 0);
	assert_false(req->host.auto_remove);
}

static void what_the_kernel_lacks_is_dropped_and_told(void **state)
{
	struct create_request *req = request_from(
		"{'HostConfig':{'Memory':10485760,'MemoryReservation':10485760,'PidsLimit':5,"
		"'CpuShares':100,'CpuPeriod':5000,'CpusetCpus':'77','BlkioWeight':500,"
		"'BlkioDeviceReadBps':[{'Path':'/dev/x','Rate':5}],'OomKillDisable':true,"
		"'CpuPercent':5,'NetworkMode':'host','PortBindings':{'80/tcp':[]}}}");
	struct warnings w = {.n = 0};
	struct err e = ERR_INIT;

	(void)state;
	if (container_validate(&bare, req, 51, &w, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(w.n, 11);
	assert_string_equal(w.items[0], "Your kernel does not support memory limit capabilities or "
					"the cgroup is not mounted. Limitation discarded.");
	assert_string_equal(w.items[10],
			    "Published ports are discarded when using host network mode");
	assert_int_equal(req->host.memory, 0);
	assert_int_equal(req->host.cpu_shares, 0);
	assert_int_equal(req->host.blkio_read_bps.n, 0);
	assert_false(req->host.pids_limit.set);
	assert_string_equal(req->host.cpuset_cpus, "");
}

static void lists_of_processors(void **state)
{
	static const struct {
		const char *asked, *there;
		int within; /* -1: no list */
	} examples[] = {
		{"0", "0-3", 1},       {"0-3", "0-3", 1},   {"1,3", "0-1,3", 1},
		{"2-8", "0-3,4-9", 1}, {"4", "0-3", 0},	    {"0-4", "0-3", 0},
		{"5", "", 1},	       {"", "0", 1},	    {"x", "0", -1},
		{"3-1", "0-3", -1},    {"1,", "0-3", -1},   {"-1", "0-3", -1},
		{"1-", "0-3", -1},     {"9999", "0-3", -1}, {",", "0-3", -1},
		{"1--2", "0-3", -1},   {"0,8", "0-3", 0},   {"0-2,1-3", "0-3", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e = ERR_INIT;
		bool within = false;
		int r = cgroup_list_within(examples[i].asked, examples[i].there, &within, &e);

		if ((r < 0) != (examples[i].within < 0) || (r == 0 && within != examples[i].within))
			fail_msg("%s in %s: %d, %d", examples[i].asked, examples[i].there, r,
				 within);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_send_is_taken),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_the_engine_s_words),
		cmocka_unit_test(more_processors_than_there_are_cannot_be_had),
		cmocka_unit_test(networks_need_not_be_there_yet),
		cmocka_unit_test(old_versions_ask_for_less),
		cmocka_unit_test(what_the_kernel_lacks_is_dropped_and_told),
		cmocka_unit_test(lists_of_processors),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
