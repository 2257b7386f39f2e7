/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/spec/document.h"

static void test_defaults(void **state)
{
	(void)state;
	make();
	expect("process.args", "[\"sleep\",\"1\"]");
	expect("process.env", "[\"A=b\"]");
	expect("process.cwd", "\"/work\"");
	expect("process.terminal", "false");
	expect("process.oomScoreAdj", "0");
	expect("process.noNewPrivileges", "false");
	expect("process.user.additionalGids", "[0]");
	expect("root.path", "\"/r\"");
	expect("hostname", "\"box\"");
	expect("linux.cgroupsPath", "\"/docker/abc\"");
	expect("linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\"");
	expect("linux.readonlyPaths",
	       "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]");
	assert_true(holds("\"/proc/kcore\""));
	expect("mounts.0.destination", "\"/proc\"");
	expect("linux.resources.devices.0", "{\"allow\":false,\"access\":\"rwm\"}");
	assert_false(holds("\"type\":\"network\""));
	assert_false(holds("\"type\":\"cgroup\"}"));
}

static void test_namespaces(void **state)
{
	(void)state;
	in.netns_path = "/run/ns";
	in.own_netns = true;
	in.cgroup_v2 = true;
	make();
	assert_true(holds("{\"type\":\"network\",\"path\":\"/run/ns\"}"));
	assert_true(holds("{\"type\":\"cgroup\"}"));
	expect("linux.sysctl", "{\"net.ipv4.ip_unprivileged_port_start\":\"0\","
			       "\"net.ipv4.ping_group_range\":\"0 2147483647\"}");
	host.pid_mode = host.uts_mode = host.ipc_mode = "host";
	host.cgroupns_mode = "host";
	config.domainname = "dom";
	make();
	assert_false(holds("{\"type\":\"pid\""));
	assert_false(holds("{\"type\":\"uts\""));
	assert_false(holds("{\"type\":\"ipc\""));
	assert_false(holds("{\"type\":\"cgroup\"}"));
	assert_false(has("hostname"));
	assert_false(holds("domainname"));
	assert_true(holds("\"source\":\"/dev/shm\""));
}

static void test_join_ipc(void **state)
{
	(void)state;
	host.ipc_mode = "container:x";
	in.ipc_path = "/proc/77/ns/ipc";
	in.shm_path = "/run/x/shm";
	make();
	assert_true(holds("{\"type\":\"ipc\",\"path\":\"/proc/77/ns/ipc\"}"));
	assert_true(holds("\"source\":\"/run/x/shm\""));
}

static void test_resources(void **state)
{
	struct ulimit ulimit = {"nofile", -1, 1024};

	(void)state;
	host.memory = 64 << 20;
	in.cgroup_v2 = true;
	host.nano_cpus = 1500000000;
	host.cpu_shares = 512;
	host.cpuset_cpus = "0-1";
	host.pids_limit = (struct opt_i64){true, 100};
	host.ulimits = (struct shape_array){&ulimit, 1, true};
	host.oom_score_adj = 500;
	make();
	expect("linux.resources.memory", "{\"limit\":67108864,\"swap\":134217728}");
	expect("linux.resources.cpu",
	       "{\"shares\":512,\"quota\":150000,\"period\":100000,\"cpus\":\"0-1\"}");
	expect("linux.resources.pids", "{\"limit\":100}");
	expect("process.rlimits",
	       "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1024}]");
	expect("process.oomScoreAdj", "500");
	host.memory_swap = -1;
	host.pids_limit.v = 0;
	make();
	expect("linux.resources.memory", "{\"limit\":67108864,\"swap\":-1}");
	assert_false(has("linux.resources.pids"));
	ulimit.name = "nonsense";
	assert_int_equal(spec_write(&in, &out, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid ulimit type: nonsense");
}

static void test_mounts(void **state)
{
	static const struct spec_mount mounts[] = {
		{.source = "/h/deep", .target = "/data/a/b", .propagation = "rshared"},
		{.source = "/h/hosts", .target = "/etc/hosts", .read_only = true},
		{.source = "/h/data", .target = "/data"},
		{.target = "/scratch", .read_only = true, .tmpfs_options = "mode=1777,size=4096"},
	};
	struct text_pair tmpfs = {"/run", "exec,size=1m"};
	struct str text;
	const char *data, *deep;

	(void)state;
	in.mounts = mounts;
	in.n_mounts = 4;
	in.hosts_path = "/s/hosts";
	in.resolv_path = "/s/resolv";
	host.tmpfs = (struct text_map){&tmpfs, 1, true};
	make();
	text = buf_str(&out);
	data = strstr(text.p, "\"destination\":\"/data\"");
	deep = strstr(text.p, "\"destination\":\"/data/a/b\"");
	assert_true(data && deep && data < deep);
	assert_false(holds("/s/hosts"));
	assert_true(
		holds("{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/h/hosts\","
		      "\"options\":[\"rbind\",\"ro\",\"rprivate\"]}"));
	assert_true(holds("/s/resolv"));
	assert_true(holds("\"options\":[\"nosuid\",\"nodev\",\"exec\",\"size=1m\"]"));
	assert_true(holds("\"options\":[\"noexec\",\"nosuid\",\"nodev\",\"mode=1777\",\"size="
			  "4096\",\"ro\"]"));
	expect("linux.rootfsPropagation", "\"shared\"");
}

static void test_mount_over_dev(void **state)
{
	static const struct spec_mount mounts[] = {{.source = "/h/dev", .target = "/dev/"}};

	(void)state;
	in.mounts = mounts;
	in.n_mounts = 1;
	make();
	assert_false(holds("\"/dev/pts\""));
	assert_false(holds("\"/dev/shm\""));
	assert_false(holds("\"destination\":\"/dev\",\"type\":\"tmpfs\""));
}

static void test_init(void **state)
{
	(void)state;
	host.init = 1;
	in.init_path = "/usr/bin/serind";
	make();
	expect("process.args", "[\"/sbin/docker-init\",\"--\",\"sleep\",\"1\"]");
	assert_true(holds("\"source\":\"/usr/bin/serind\",\"options\":[\"bind\",\"ro\"]"));
	host.init = SHAPE_TRI_UNSET;
	make();
	expect("process.args", "[\"sleep\",\"1\"]");
}

static void test_groups(void **state)
{
	static const uint32_t extra[] = {10, 20, 5};

	(void)state;
	in.user.uid = 1000;
	in.user.gid = 5;
	in.user.groups[0] = 5;
	in.user.groups[1] = 10;
	in.user.n_groups = 2;
	in.extra_gids = extra;
	in.n_extra_gids = 3;
	make();
	expect("process.user", "{\"uid\":1000,\"gid\":5,\"additionalGids\":[5,10,20]}");
	assert_false(has("process.capabilities.effective"));
	assert_true(has("process.capabilities.bounding"));
}

static void test_tty(void **state)
{
	(void)state;
	config.tty = true;
	host.console_size_raw = STR("[24, 80]");
	make();
	expect("process.terminal", "true");
	expect("process.consoleSize", "{\"height\":24,\"width\":80}");
	host.console_size_raw = STR("[0,0]");
	make();
	assert_false(has("process.consoleSize"));
}

static void test_devices(void **state)
{
	struct device_mapping d = {"/dev/null", "/dev/other", "r"};
	const char *rules[] = {"c 42:* rw"};

	(void)state;
	host.devices = (struct shape_array){&d, 1, true};
	host.device_cgroup_rules = (struct texts){rules, 1, true};
	make();
	assert_true(holds(
		"\"devices\":[{\"path\":\"/dev/other\",\"type\":\"c\",\"major\":1,\"minor\":3,"));
	assert_true(
		holds("{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"r\"}"));
	assert_true(holds("{\"allow\":true,\"type\":\"c\",\"major\":42,\"access\":\"rw\"}"));
	d.path_on_host = "/dev/no-such-device";
	assert_true(spec_write(&in, &out, &e) < 0);
	assert_non_null(strstr(e.msg, "/dev/no-such-device"));
	host.devices.n = 0;
	rules[0] = "d 1:2 rwm";
	assert_int_equal(spec_check(&host, &e), -EINVAL);
}

static void test_too_large(void **state)
{
	char small[256];

	(void)state;
	buf_init_fixed(&out, small, sizeof(small));
	assert_int_equal(spec_write(&in, &out, &e), -E2BIG);
	buf_init_heap(&out, 1 << 20);
}

static void test_exec(void **state)
{
	static const char *const args[] = {"id", NULL}, *const env[] = {"X=y", NULL};
	struct spec_exec x = {
		.args = args, .env = env, .host = &host, .tty = true, .height = 5, .width = 6};

	(void)state;
	host.oom_score_adj = 7;
	assert_int_equal(spec_write_exec(&x, &out, &e), 0);
	assert_int_equal(json_parse(buf_str(&out), &arena, &root, &e), 0);
	expect("args", "[\"id\"]");
	expect("cwd", "\"/\"");
	expect("terminal", "true");
	expect("consoleSize", "{\"height\":5,\"width\":6}");
	expect("oomScoreAdj", "7");
	assert_true(has("capabilities.effective"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),  TEST(test_namespaces), TEST(test_join_ipc),
		TEST(test_resources), TEST(test_mounts),     TEST(test_mount_over_dev),
		TEST(test_init),      TEST(test_groups),     TEST(test_tty),
		TEST(test_devices),   TEST(test_too_large),  TEST(test_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
