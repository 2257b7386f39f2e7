/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/container/harness.h"

static struct container_mount *mounts;
static size_t n_mounts;

static int read_mounts(const char *host, struct err *e)
{
	struct create_request *req = request_from(arena_printf(&arena, "{'HostConfig':%s}", host));

	*e = (struct err)ERR_INIT;
	return container_mounts(NULL, req, &arena, &mounts, &n_mounts, e);
}

static void binds_are_read(void **state)
{
	static const struct {
		const char *bind, *source, *target, *mode, *propagation;
		bool rw;
	} examples[] = {
		{"/a:/b", "/a", "/b", "", "rprivate", true},
		{"/a:/b:ro", "/a", "/b", "ro", "rprivate", false},
		{"/a:/b:rw,z", "/a", "/b", "rw,z", "rprivate", true},
		{"/a:/b:ro,rshared,nocopy", "/a", "/b", "ro,rshared,nocopy", "rshared", false},
		{"/a/../x//y/.:/b/./c/", "/x/y", "/b/c", "", "rprivate", true},
		{"/:/host", "/", "/host", "", "rprivate", true},
		{"/a b:/c d", "/a b", "/c d", "", "rprivate", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e;

		if (read_mounts(arena_printf(&arena, "{'Binds':['%s']}", examples[i].bind), &e) < 0)
			fail_msg("%s: %s", examples[i].bind, e.msg);
		assert_int_equal(n_mounts, 1);
		assert_string_equal(mounts[0].type, "bind");
		assert_string_equal(mounts[0].source, examples[i].source);
		assert_string_equal(mounts[0].destination, examples[i].target);
		assert_string_equal(mounts[0].mode, examples[i].mode);
		assert_string_equal(mounts[0].propagation, examples[i].propagation);
		assert_int_equal(mounts[0].rw, examples[i].rw);
	}
}

static void typed_mounts_are_read(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(read_mounts("{'Mounts':[{'Type':'bind','Source':'/','Target':'/x',"
				     "'ReadOnly':true,'BindOptions':{'Propagation':'rslave'}},"
				     "{'Type':'tmpfs','Target':'/t','TmpfsOptions':"
				     "{'SizeBytes':1048576,'Mode':448}}]}",
				     &e),
			 0);
	assert_int_equal(n_mounts, 2);
	assert_string_equal(mounts[0].source, "/");
	assert_false(mounts[0].rw);
	assert_string_equal(mounts[0].propagation, "rslave");
	assert_string_equal(mounts[1].type, "tmpfs");
	assert_string_equal(mounts[1].destination, "/t");
	assert_non_null(strstr(mounts[1].mode, "mode=700"));
	assert_non_null(strstr(mounts[1].mode, "size=1048576"));
	assert_int_equal(read_mounts("{'Mounts':[{'Type':'bind','Source':'/not/here','Target':'/x',"
				     "'BindOptions':{'CreateMountpoint':true}}]}",
				     &e),
			 0);
}

static void bad_mounts_are_refused_in_the_engine_s_words(void **state)
{
	static const struct {
		const char *host, *message;
		enum err_kind kind;
	} examples[] = {
		{"{'Binds':['/a:/b:/c:/d']}", "invalid volume specification: '/a:/b:/c:/d'",
		 ERR_INVALID},
		{"{'Binds':['']}", "invalid volume specification: ''", ERR_INVALID},
		{"{'Binds':['/a:']}", "invalid volume specification: '/a:'", ERR_INVALID},
		{"{'Binds':[':/b']}", "invalid volume specification: ':/b'", ERR_INVALID},
		{"{'Binds':['/a:b']}", "invalid volume specification: '/a:b'", ERR_INVALID},
		{"{'Binds':['/a:/b:wo']}", "invalid mode: wo", ERR_INVALID},
		{"{'Binds':['/a:/']}", "invalid specification: destination can't be '/'",
		 ERR_INVALID},
		{"{'Binds':['/a:/b/..']}", "invalid specification: destination can't be '/'",
		 ERR_INVALID},
		{"{'Binds':['/a:/c','/b:/c/']}", "Duplicate mount point: /c", ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Source':'/not/here','Target':'/x'}]}",
		 "invalid mount config for type \"bind\": bind source path does not exist: "
		 "/not/here",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Target':'/x'}]}",
		 "invalid mount config for type \"bind\": field Source must not be empty",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Source':'a','Target':'/x'}]}",
		 "invalid mount config for type \"bind\": invalid mount path: 'a' mount path must "
		 "be absolute",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Source':'/'}]}",
		 "invalid mount config for type \"bind\": field Target must not be empty",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Source':'/','Target':'x'}]}",
		 "invalid mount config for type \"bind\": invalid mount path: 'x' mount path must "
		 "be absolute",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'tmpfs','Source':'/a','Target':'/x'}]}",
		 "invalid mount config for type \"tmpfs\": field Source must not be specified",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'floppy','Target':'/x'}]}", "mount type unknown: \"floppy\"",
		 ERR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct err e;

		if (read_mounts(examples[i].host, &e) == 0)
			fail_msg("%s is taken", examples[i].host);
		assert_string_equal(e.msg, examples[i].message);
		assert_int_equal(e.kind, examples[i].kind);
	}
}

static void ports_are_read(void **state)
{
	struct create_request *req =
		request_from("{'ExposedPorts':{'80/tcp':{},'81/udp':{}},'HostConfig':{"
			     "'PortBindings':{'80/tcp':[{'HostIp':'127.0.0.1','HostPort':'8080'},"
			     "{'HostPort':'9000-9010'}],'53/udp':[{}],'90':null},"
			     "'PublishAllPorts':true}}");
	struct port_request ports[NETWORK_PORTS_MAX];
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	assert_int_equal(container_ports(&req->config, &req->host, ports, ARRAY_LEN(ports), &n, &e),
			 0);
	assert_int_equal(n, 4);
	assert_int_equal(ports[0].port, 80);
	assert_int_equal(ntohl(ports[0].host_ip.s_addr), INADDR_LOOPBACK);
	assert_int_equal(ports[0].host_first, 8080);
	assert_int_equal(ports[1].host_first, 9000);
	assert_int_equal(ports[1].host_last, 9010);
	assert_int_equal(ports[2].proto, IPPROTO_UDP);
	assert_int_equal(ports[2].host_first, 0);
	assert_int_equal(ports[3].port, 81); /* 80 is bound already */
	assert_true(container_ports(&req->config, &req->host, ports, 3, &n, &e) < 0);
	assert_int_equal(e.kind, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binds_are_read),
		cmocka_unit_test(typed_mounts_are_read),
		cmocka_unit_test(bad_mounts_are_refused_in_the_engine_s_words),
		cmocka_unit_test(ports_are_read),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
