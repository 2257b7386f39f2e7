/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/volume/private.h"
#include "tests/unit/container/harness.h"

static struct planned_mount *planned;
static struct container_mount mounts[16];
static size_t n_mounts;
static unsigned minor = 51;

/* The one other container there is, for VolumesFrom. */
static struct container_mount peer_mounts[] = {
	{.type = "volume",
	 .name = "theirs",
	 .source = "/vols/theirs/_data",
	 .destination = "/v",
	 .driver = "local",
	 .mode = "z",
	 .propagation = "",
	 .rw = true,
	 .used = true,
	 .up = true},
	{.type = "bind",
	 .source = "/b",
	 .destination = "/b",
	 .mode = "ro",
	 .propagation = "rprivate"},
};
static struct container peer = {.mounts = peer_mounts, .n_mounts = 2};

int container_lookup(struct engine *eng, const char *name, struct container **ret, struct err *e)
{
	(void)eng;
	if (strcmp(name, "peer"))
		return err_set(e, ERR_NOT_FOUND, "No such container: %s", name);
	*ret = &peer;
	return 0;
}

void container_unref(struct container *c)
{
	assert_ptr_equal(c, &peer);
}

/* The one image there is, for mounts of type image. */
static struct image image = {.id.text = "sha256:1a", .refs = 1};

int image_lookup(struct image_store *store, const char *name, struct image **ret, struct err *e)
{
	(void)store;
	if (strcmp(name, "alpine"))
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", name);
	image.refs++;
	*ret = &image;
	return 0;
}

void image_unref(struct image *img)
{
	assert_ptr_equal(img, &image);
	image.refs--;
}

static int plan(const struct create_request *req, struct err *e)
{
	static struct volume_store volumes = {.root = "/vols"};
	static const struct engine_options options = {.data_root = "/var/lib/it/"};
	static const struct engine eng = {.volumes = &volumes, .opt = &options};
	int r;

	*e = (struct err)ERR_INIT;
	r = container_mounts(&eng, req, minor, &arena, &planned, &n_mounts, e);
	for (size_t i = 0; r == 0 && i < n_mounts && i < ARRAY_LEN(mounts); i++)
		mounts[i] = planned[i].m;
	return r;
}

static int read_mounts(const char *host, struct err *e)
{
	struct create_request *req = request_from(arena_printf(&arena, "{'HostConfig':%s}", host));

	return plan(req, e);
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
		{"/a:/b:ro,rshared,cached", "/a", "/b", "ro,rshared,cached", "rshared", false},
		{"/a/../x//y/.:/b/./c/", "/x/y", "/b/c", "", "rprivate", true},
		{"/:/host", "/", "/host", "", "rslave", true},
		{"/var/lib/it:/b", "/var/lib/it", "/b", "", "rslave", true},
		{"/var:/b:ro", "/var", "/b", "ro", "rslave", false},
		{"/var/lib/it/../it/x:/b", "/var/lib/it/x", "/b", "", "rslave", true},
		{"/var/lib/it2:/b", "/var/lib/it2", "/b", "", "rprivate", true},
		{"/var/li:/b:slave", "/var/li", "/b", "slave", "slave", true},
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
		{"{'Binds':['/a:b']}",
		 "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
		 "invalid mount path: 'b' mount path must be absolute",
		 ERR_INVALID},
		{"{'Binds':['/a:/b:wo']}", "invalid mode: wo", ERR_INVALID},
		{"{'Binds':['/var/:/b:rprivate']}",
		 "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" "
		 "when mount source is within the daemon root, daemon root: \"/var/lib/it\", bind "
		 "mount "
		 "source: \"/var\", propagation: \"rprivate\"",
		 ERR_INVALID},
		{"{'Binds':['/a:/']}",
		 "invalid volume specification: '/a:/': invalid mount config for type \"bind\": "
		 "invalid specification: destination can't be '/'",
		 ERR_INVALID},
		{"{'Binds':['/a:/b/..']}",
		 "invalid volume specification: '/a:/b/..': invalid mount config for type "
		 "\"bind\": invalid specification: destination can't be '/'",
		 ERR_INVALID},
		{"{'Binds':['/a:/b:nocopy']}",
		 "invalid volume specification: '/a:/b:nocopy': invalid mount config for type "
		 "\"bind\": field VolumeOptions must not be specified",
		 ERR_INVALID},
		{"{'Binds':['/a:/b:ro,rw']}", "invalid mode: ro,rw", ERR_INVALID},
		{"{'Binds':['/a:/b:ro,']}", "invalid mode: ro,", ERR_INVALID},
		{"{'Binds':['/b:ro']}", "invalid volume specification: '/b:ro'", ERR_INVALID},
		{"{'Binds':['vol:/c'],'Tmpfs':{'/c/':''}}", "Duplicate mount point: /c",
		 ERR_INVALID},
		{"{'VolumesFrom':['nobody']}", "No such container: nobody", ERR_INVALID},
		{"{'VolumesFrom':['peer:nocopy']}", "invalid mode: nocopy", ERR_INVALID},
		{"{'VolumeDriver':'x0','Binds':['v0:/x']}",
		 "create v0: error looking up volume plugin x0: plugin \"x0\" not found",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'volume','Target':'/x','ReadOnly':true}]}",
		 "invalid mount config for type \"volume\": must not set ReadOnly mode when using "
		 "anonymous volumes",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'volume','Target':'/x','VolumeOptions':{'Subpath':'a'}}]}",
		 "invalid mount config for type \"volume\": must not set Subpath when using "
		 "anonymous volumes",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'bind','Source':'/','Target':'/x','VolumeOptions':{}}]}",
		 "VolumeOptions must not be specified on mount type \"bind\"", ERR_INVALID},
		{"{'Mounts':[{'Type':'image','Source':'a','Target':'/x'}]}", "No such image: a",
		 ERR_NOT_FOUND},
		{"{'Mounts':[{'Type':'image','Target':'/x'}]}",
		 "invalid mount config for type \"image\": field Source must not be empty",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'image','Source':'alpine','Target':'/x',"
		 "'ImageOptions':{'Subpath':'a/../..'}}]}",
		 "invalid mount config for type \"image\": subpath must be a relative path within "
		 "the volume",
		 ERR_INVALID},
		{"{'Mounts':[{'Type':'image','Source':'alpine','Target':'/x','BindOptions':{}}]}",
		 "BindOptions must not be specified on mount type \"image\"", ERR_INVALID},
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
		{"{'Mounts':[{'Type':'floppy','Target':'/x'}]}",
		 "invalid mount config for type \"floppy\": mount type unknown", ERR_INVALID},
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

static void image_mounts_are_read_only(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(read_mounts("{'Mounts':[{'Type':'image','Source':'alpine','Target':'/x',"
				     "'ImageOptions':{'Subpath':'usr/../etc'}}]}",
				     &e),
			 0);
	assert_int_equal(n_mounts, 1);
	assert_string_equal(mounts[0].type, "image");
	assert_string_equal(mounts[0].name, "sha256:1a");
	assert_string_equal(mounts[0].subpath, "usr/../etc");
	assert_false(mounts[0].rw);
	assert_int_equal(image.refs, 1);
}

static void volumes_are_planned(void **state)
{
	struct create_request *req =
		request_from("{'Volumes':{'/anon/':{},'/named':{},'/tmp':{}},'HostConfig':{"
			     "'Binds':['vol:/named','vol:/ro:ro,nocopy','/only'],"
			     "'Tmpfs':{'/tmp':''},'Mounts':[{'Type':'volume','Source':'part',"
			     "'Target':'/part','VolumeOptions':{'Subpath':'a/b','NoCopy':true,"
			     "'Labels':{'k':'v'},'DriverConfig':{'Options':{'type':'nfs'}}}}]}}");
	struct err e;

	(void)state;
	assert_int_equal(plan(req, &e), 0);
	assert_int_equal(n_mounts, 5);
	assert_string_equal(mounts[0].name, "vol");
	assert_string_equal(mounts[0].source, "/vols/vol/_data");
	assert_string_equal(mounts[0].mode, "z");
	assert_true(planned[0].copy && !mounts[0].anonymous && mounts[0].rw);
	assert_string_equal(mounts[1].mode, "ro,nocopy");
	assert_false(planned[1].copy || mounts[1].rw);
	assert_int_equal(strlen(mounts[2].name), 64);
	assert_true(mounts[2].anonymous && planned[2].copy);
	assert_string_equal(mounts[2].destination, "/only");
	assert_string_equal(mounts[3].subpath, "a/b");
	assert_string_equal(text_map_get(planned[3].labels, "k"), "v");
	assert_string_equal(text_map_get(planned[3].options, "type"), "nfs");
	assert_false(planned[3].copy);
	assert_string_equal(mounts[4].destination, "/anon");
	assert_string_equal(mounts[4].mode, "");
	assert_true(mounts[4].anonymous);
}

static void others_mounts_give_way(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(read_mounts("{'VolumesFrom':['peer:ro'],'Binds':['mine:/b']}", &e), 0);
	assert_int_equal(n_mounts, 2);
	assert_string_equal(mounts[0].name, "theirs");
	assert_string_equal(mounts[0].mode, "");
	assert_false(mounts[0].rw || mounts[0].used || mounts[0].up || planned[0].copy);
	assert_true(planned[0].from_other);
	assert_string_equal(mounts[1].name, "mine");
	assert_false(planned[1].from_other);
}

static void versions_have_their_words(void **state)
{
	struct err e;

	(void)state;
	minor = 44;
	assert_true(read_mounts("{'Mounts':[{'Type':'volume','Source':'vv','Target':'/x',"
				"'VolumeOptions':{'Subpath':'a'}}]}",
				&e) < 0);
	assert_string_equal(e.msg, "VolumeOptions.Subpath needs API v1.45 or newer");
	assert_true(read_mounts("{'Mounts':[{'Type':'image','Source':'i','Target':'/x'}]}", &e) <
		    0);
	assert_string_equal(e.msg, "Mount type \"Image\" needs API v1.48 or newer");
	minor = 41;
	assert_true(read_mounts("{'Mounts':[{'Type':'bind','Source':'/not/here','Target':'/x',"
				"'BindOptions':{'CreateMountpoint':true}}]}",
				&e) < 0);
	minor = 51;
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
		cmocka_unit_test(image_mounts_are_read_only),
		cmocka_unit_test(volumes_are_planned),
		cmocka_unit_test(others_mounts_give_way),
		cmocka_unit_test(versions_have_their_words),
		cmocka_unit_test(ports_are_read),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
