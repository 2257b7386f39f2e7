/* SPDX-License-Identifier: Apache-2.0 */
/* container.json: what is written is read back, and what was tampered with is refused. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "tests/unit/container/harness.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IMAGE "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static char dir[] = "/tmp/serin-record-XXXXXX";

void container_state_path(const struct container *c, char out[CONTAINER_PATH_MAX])
{
	(void)c;
	text_format(out, CONTAINER_PATH_MAX, "%s", dir);
}

static int set_up(void **state)
{
	struct err e = ERR_INIT;

	if (!mkdtemp(dir) || arena_system_init(&e) < 0)
		return -1;
	return open_arena(state);
}

static int tear_down(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/container.json", dir);
	unlink(path);
	rmdir(dir);
	close_arena(state);
	arena_system_fini();
	return 0;
}

static struct container *blank(void)
{
	struct container *c = arena_alloc(&arena, sizeof(*c));

	arena_open_heap(&c->mem, 4 << 20);
	return c;
}

static void drop(struct container *c)
{
	mem_free(c->endpoint);
	arena_done(&c->mem);
}

static struct str written(void)
{
	struct err e = ERR_INIT;
	struct str text;
	char path[64];

	snprintf(path, sizeof(path), "%s/container.json", dir);
	assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &arena, &text, &e), 0);
	return text;
}

/* Saving is a fiber's business. */
static struct container *to_save;
static struct err *save_err;
static int save_result;

static void save_fiber(void *arg) FIBER_ENTRY
{
	(void)arg;
	save_result = container_persist(to_save, PERSIST_QUICK, save_err);
	loop_stop();
}

static int save(struct container *c, struct err *e)
{
	to_save = c;
	save_err = e;
	fiber_lock_init(&c->saving);
	assert_int_equal(loop_init(e), 0);
	assert_int_equal(fiber_system_init(e), 0);
	assert_int_equal(job_system_init(e), 0);
	assert_int_equal(fiber_spawn("save", save_fiber, NULL, POOL_NORMAL, NULL), 0);
	loop_run();
	job_system_fini();
	fiber_system_fini();
	loop_fini();
	return save_result;
}

/* c through the file and back. */
static struct container *round_trip(struct container *c)
{
	struct container *back = blank();
	struct err e = ERR_INIT;

	assert_int_equal(save(c, &e), 0);
	if (container_from_record(back, written(), &arena, &e) < 0)
		fail_msg("%s", e.msg);
	return back;
}

static struct container *sample(void)
{
	static struct container_mount mounts[] = {
		{.type = "bind",
		 .source = "/a \"quoted\"",
		 .destination = "/b",
		 .mode = "ro",
		 .propagation = "rslave"},
		{.type = "volume",
		 .name = "v",
		 .source = "/v",
		 .destination = "/d",
		 .driver = "local",
		 .mode = "",
		 .propagation = "",
		 .rw = true},
	};
	static const char *args[] = {"-c", "echo \xc3\xa4 <&>", ""};
	struct create_request *req = request_from(
		"{'Image':'alpine:3','Env':['A=1'],'Tty':true,'StopTimeout':0,'Labels':{'k':'v'},"
		"'Entrypoint':[],'ExposedPorts':{'80/"
		"tcp':{}},'HostConfig':{'Memory':9007199254740993,"
		"'PidsLimit':7,'NetworkMode':'bridge','MaskedPaths':[],'Init':true,"
		"'PortBindings':{'80/tcp':[{'HostPort':'8080'}]},"
		"'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':3}},"
		"'NetworkingConfig':{'EndpointsConfig':{'bridge':{'MacAddress':'02:42:ac:11:00:02'}"
		"}}}");
	struct container *c = blank();
	struct err e = ERR_INIT;

	memcpy(c->id, ID, sizeof(ID));
	memcpy(c->name, "web_1", 6);
	assert_int_equal(digest_parse(STR(IMAGE), &c->image_id, &e), 0);
	c->config = req->config;
	c->host = req->host;
	c->networking = req->networking;
	c->path = "/bin/sh";
	c->args = (struct texts){args, ARRAY_LEN(args), true};
	c->mounts = mounts;
	c->n_mounts = ARRAY_LEN(mounts);
	c->created_ns = 1700000000123456789;
	c->status = CONTAINER_CREATED;
	return c;
}

static void a_created_container_comes_back(void **state)
{
	struct container *c = sample(), *back = round_trip(c);
	const struct port_binding *binding;
	const struct shape_array *bindings;

	(void)state;
	assert_string_equal(back->id, ID);
	assert_string_equal(back->name, "web_1");
	assert_string_equal(back->image_id.text, IMAGE);
	assert_string_equal(back->path, "/bin/sh");
	assert_string_equal(joined(&back->args), joined(&c->args));
	assert_true(back->created_ns == c->created_ns);
	assert_true(back->started_ns == 0 && back->finished_ns == 0);
	assert_int_equal(back->status, CONTAINER_CREATED);
	assert_null(back->endpoint);

	assert_string_equal(back->config.image, "alpine:3");
	assert_true(back->config.tty);
	assert_true(back->config.stop_timeout.set);
	assert_int_equal(back->config.stop_timeout.v, 0);
	assert_true(back->config.entrypoint.set && !back->config.entrypoint.n);
	assert_string_equal(text_map_get(&back->config.labels, "k"), "v");
	assert_true(back->host.memory == 9007199254740993);
	assert_int_equal(back->host.pids_limit.v, 7);
	assert_true(back->host.masked_paths.set && !back->host.masked_paths.n);
	assert_false(back->host.readonly_paths.set);
	assert_int_equal(back->host.init, 1);
	assert_string_equal(back->host.restart_policy.name, "on-failure");
	bindings = back->host.port_bindings.items[0].value;
	binding = bindings->items;
	assert_string_equal(binding->host_port, "8080");
	assert_int_equal(back->networking.endpoints.n, 1);

	assert_int_equal(back->n_mounts, 2);
	assert_string_equal(back->mounts[0].source, "/a \"quoted\"");
	assert_false(back->mounts[0].rw);
	assert_string_equal(back->mounts[0].propagation, "rslave");
	assert_string_equal(back->mounts[1].name, "v");
	assert_string_equal(back->mounts[1].driver, "local");
	assert_true(back->mounts[1].rw);
	drop(back);
	drop(c);
}

static void a_running_container_comes_back(void **state)
{
	struct container *c = sample(), *back;
	struct endpoint *ep = mem_alloc(sizeof(*ep));

	(void)state;
	c->status = CONTAINER_RUNNING;
	c->started_ns = 1700000001000000001;
	c->has_been_started = true;
	c->restart_count = 2;
	memcpy(c->netns_path, "/run/x", 7);
	memcpy(ep->id, "abc", 4);
	memcpy(ep->network_id, "def", 4);
	memcpy(ep->host_if, "veth0", 6);
	ep->ip.s_addr = htonl(0xac110002);
	ep->gateway.s_addr = htonl(0xac110001);
	ep->prefix_len = 16;
	memcpy(ep->mac, "\x02\x42\xac\x11\x00\x02", 6);
	ep->n_ports = 1;
	ep->ports[0].proto = IPPROTO_UDP;
	ep->ports[0].port = 53;
	ep->ports[0].host_port = 5353;
	ep->ports[0].host_ip.s_addr = htonl(INADDR_LOOPBACK);
	ep->ports[0].fd = 7;
	c->endpoint = ep;
	back = round_trip(c);
	assert_int_equal(back->status, CONTAINER_RUNNING);
	assert_true(back->started_ns == c->started_ns);
	assert_true(back->has_been_started);
	assert_int_equal(back->restart_count, 2);
	assert_string_equal(back->netns_path, "/run/x");
	assert_non_null(back->endpoint);
	assert_string_equal(back->endpoint->id, "abc");
	assert_string_equal(back->endpoint->host_if, "veth0");
	assert_int_equal(back->endpoint->ip.s_addr, ep->ip.s_addr);
	assert_int_equal(back->endpoint->gateway.s_addr, ep->gateway.s_addr);
	assert_int_equal(back->endpoint->prefix_len, 16);
	assert_memory_equal(back->endpoint->mac, ep->mac, 6);
	assert_int_equal(back->endpoint->n_ports, 1);
	assert_int_equal(back->endpoint->ports[0].proto, IPPROTO_UDP);
	assert_int_equal(back->endpoint->ports[0].host_port, 5353);
	assert_int_equal(back->endpoint->ports[0].host_ip.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(back->endpoint->ports[0].fd, -1); /* the shim holds it, not we */
	drop(back);
	drop(c);
}

static void an_ended_container_comes_back(void **state)
{
	struct container *c = sample(), *back;

	(void)state;
	c->status = CONTAINER_EXITED;
	c->exit_code = 137;
	c->oom_killed = c->stop_requested = c->has_been_started = true;
	c->started_ns = 1;
	c->finished_ns = 1700000002000000000;
	memcpy(c->error, "it \"broke\"\n", 12);
	back = round_trip(c);
	assert_int_equal(back->status, CONTAINER_EXITED);
	assert_int_equal(back->exit_code, 137);
	assert_true(back->oom_killed && back->stop_requested);
	assert_true(back->finished_ns == c->finished_ns);
	assert_string_equal(back->error, "it \"broke\"\n");
	drop(back);
	drop(c);
}

static void records_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"null",
		"{\"Id\":\"" ID "\",\"Name\":\"n\",\"Image\":\"" IMAGE
		"\",\"State\":{\"Status\":\"created\"}}",
		"{\"Id\":\"abc\",\"Name\":\"n\",\"Path\":\"/x\",\"Image\":\"" IMAGE
		"\",\"State\":{\"Status\":\"created\"}}",
		"{\"Id\":\"" ID "\",\"Name\":\"n\",\"Path\":\"/x\",\"Image\":\"" IMAGE
		"\",\"State\":{\"Status\":\"asleep\"}}",
		"{\"Id\":\"" ID "\",\"Name\":\"n\",\"Path\":\"/x\",\"Image\":\"alpine\","
		"\"State\":{\"Status\":\"created\"}}",
		"{\"Id\":\"" ID "\",\"Name\":\"n\",\"Path\":7,\"Image\":\"" IMAGE "\"}",
	};
	static const char good[] =
		"{\"Id\":\"" ID "\",\"Name\":\"n\",\"Path\":\"/x\",\"Image\":\"" IMAGE
		"\",\"State\":{\"Status\":\"created\"}}";
	struct container *c = blank();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(container_from_record(c, str_from(good), &arena, &e), 0);
	drop(c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		c = blank();
		if (container_from_record(c, str_from(bad[i]), &arena, &e) == 0)
			fail_msg("%s is taken for a container", bad[i]);
		drop(c);
	}
}

static void what_is_deleted_is_not_written(void **state)
{
	struct container *c = sample();
	struct err e = ERR_INIT;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/container.json", dir);
	unlink(path);
	c->deleted_on_disk = true;
	assert_int_equal(save(c, &e), 0);
	assert_int_equal(access(path, F_OK), -1);
	drop(c);
}

static void a_failure_to_write_names_the_container(void **state)
{
	struct container *c = sample();
	struct err e = ERR_INIT;
	char saved = dir[1];

	(void)state;
	dir[1] = '!'; /* a directory that is not there */
	assert_true(save(c, &e) < 0);
	dir[1] = saved;
	assert_non_null(strstr(e.msg, "saving container " ID));
	drop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_created_container_comes_back),
		cmocka_unit_test(a_running_container_comes_back),
		cmocka_unit_test(an_ended_container_comes_back),
		cmocka_unit_test(records_that_make_no_sense_are_refused),
		cmocka_unit_test(what_is_deleted_is_not_written),
		cmocka_unit_test(a_failure_to_write_names_the_container),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
