/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole, on a real loop with real jobs: every kind of archive, names, removal,
 * snapshots, what a restart finds. Needs root. A check that fails ends the test's fiber; cmocka
 * hears of it on its own stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "firmware/core/buf.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/tar.h"
#include "firmware/sched/loop.h"
#include "runtime/image/image.h"
#include "tests/unit/needs.h"

static char root[64], failure[1024];
static struct engine_options options;
static struct image_store *store;
static struct arena arena;

#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			snprintf(failure, sizeof(failure), "%s:%d: %s", __FILE__, __LINE__,        \
				 #cond);                                                           \
			return;                                                                    \
		}                                                                                  \
	} while (0)
#define check_ok(call, e)                                                                          \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			snprintf(failure, sizeof(failure), "%s:%d: %s: %s", __FILE__, __LINE__,    \
				 #call, (e).msg);                                                  \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* --- archives in memory --- */

struct packer {
	struct writer writer;
	struct buf out;
	struct tar_writer *tar;
};

static int pack_write(struct writer *w, const void *p, size_t n, struct err *e)
{
	struct packer *k = container_of(w, struct packer, writer);

	(void)e;
	buf_put(&k->out, p, n);
	return k->out.failed ? -ENOMEM : 0;
}

static void pack_begin(struct packer *k)
{
	k->writer.write = pack_write;
	buf_init(&k->out, &arena, 8u << 20);
	if (tar_create(&k->tar, &k->writer, NULL) < 0)
		abort();
}

static void pack(struct packer *k, const char *name, struct str data)
{
	struct tar_entry t = {.name = name, .type = TAR_FILE, .mode = 0644, .size = data.n};

	if (tar_add(k->tar, &t, NULL) < 0 ||
	    (data.n && tar_write(k->tar, data.p, data.n, NULL) < 0))
		abort();
}

static struct str pack_end(struct packer *k)
{
	if (tar_finish(k->tar, NULL) < 0)
		abort();
	tar_writer_free(k->tar);
	return buf_str(&k->out);
}

static struct str one_file(const char *name, const char *text)
{
	struct packer k;

	pack_begin(&k);
	pack(&k, name, str_from(text));
	return pack_end(&k);
}

static struct str gzipped(struct str in)
{
	z_stream z = {0};
	unsigned char *out = arena_alloc(&arena, in.n + 1024);

	if (!out || deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (unsigned char *)(uintptr_t)in.p;
	z.avail_in = (unsigned)in.n;
	z.next_out = out;
	z.avail_out = (unsigned)in.n + 1024;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	in = str_span((char *)out, z.total_out);
	deflateEnd(&z);
	return in;
}

static const char *digest_text(struct str s)
{
	struct digest d;

	digest_of(s.p, s.n, &d);
	return arena_strdup(&arena, d.text);
}

/* Two layers, the second deleting from the first. */
struct sample {
	struct str layers[2];
	struct str config;
	const char *id;
};

static struct sample sample(const char *text)
{
	struct sample s;
	struct packer k;

	s.layers[0] = one_file("etc/lower", text);
	pack_begin(&k);
	pack(&k, "etc/upper", STR("upper"));
	pack(&k, "etc/.wh.lower", STR(""));
	s.layers[1] = pack_end(&k);
	s.config = str_from(arena_printf(
		&arena,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2023-11-14T22:13:20Z\","
		"\"config\":{\"Cmd\":[\"sh\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%"
		"s\",\"%s\"]}}",
		digest_text(s.layers[0]), digest_text(s.layers[1])));
	s.id = digest_text(s.config);
	return s;
}

static struct str docker_archive(const struct sample *s, const char *tags, bool gzip)
{
	struct packer k;

	pack_begin(&k);
	pack(&k, "config.json", s->config);
	pack(&k, "a/layer.tar", gzip ? gzipped(s->layers[0]) : s->layers[0]);
	pack(&k, "b/layer.tar", gzip ? gzipped(s->layers[1]) : s->layers[1]);
	pack(&k, "manifest.json",
	     str_from(arena_printf(&arena,
				   "[{\"Config\":\"config.json\",\"RepoTags\":%s,"
				   "\"Layers\":[\"a/layer.tar\",\"b/layer.tar\"]}]",
				   tags)));
	return pack_end(&k);
}

static struct str legacy_archive(const struct sample *s)
{
	char id[2][65];
	struct packer k;

	memset(id[0], 'a', 64);
	memset(id[1], 'b', 64);
	id[0][64] = id[1][64] = '\0';
	pack_begin(&k);
	for (int i = 0; i < 2; i++) {
		pack(&k, arena_printf(&arena, "%s/layer.tar", id[i]), s->layers[i]);
		pack(&k, arena_printf(&arena, "%s/json", id[i]),
		     str_from(arena_printf(&arena, "{\"id\":\"%s\",\"os\":\"linux\"%s%s%s}", id[i],
					   i ? ",\"parent\":\"" : "", i ? id[0] : "",
					   i ? "\"" : "")));
	}
	pack(&k, "repositories", str_from(arena_printf(&arena, "{\"old\":{\"1\":\"%s\"}}", id[1])));
	return pack_end(&k);
}

static struct str oci_archive(const struct sample *s, const char *annotations, bool damaged)
{
	struct str layer = gzipped(s->layers[0]), manifest;
	struct packer k;

	manifest = str_from(arena_printf(
		&arena,
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":["
		"{\"digest\":\"%s\",\"size\":1},{\"digest\":\"%s\",\"size\":1}]}",
		s->id, digest_text(layer), digest_text(s->layers[1])));
	pack_begin(&k);
	pack(&k, "index.json",
	     str_from(arena_printf(
		     &arena,
		     "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":1,"
		     "\"annotations\":{%s}}]}",
		     digest_text(manifest), annotations)));
	pack(&k, arena_printf(&arena, "blobs/sha256/%s", digest_text(manifest) + 7), manifest);
	pack(&k, arena_printf(&arena, "blobs/sha256/%s", s->id + 7), s->config);
	pack(&k, arena_printf(&arena, "blobs/sha256/%s", digest_text(layer) + 7), layer);
	pack(&k, arena_printf(&arena, "./blobs/sha256/%s", digest_text(s->layers[1]) + 7),
	     damaged ? s->layers[0] : s->layers[1]);
	return pack_end(&k);
}

/* --- loading --- */

struct memory_source {
	struct image_source source;
	struct reader reader;
	struct str left;
};

static ssize_t memory_read(struct reader *r, void *p, size_t n, struct err *e)
{
	struct memory_source *m = container_of(r, struct memory_source, reader);

	(void)e;
	n = MIN(n, m->left.n);
	memcpy(p, m->left.p, n);
	m->left = str_span(m->left.p + n, m->left.n - n);
	return (ssize_t)n;
}

static int source_begin(struct image_source *src, struct job *job, struct reader **ret,
			struct err *e) FIBER_FN
{
	(void)job;
	(void)e;
	*ret = &container_of(src, struct memory_source, source)->reader;
	return 0;
}

static void source_end(struct image_source *src)
{
	(void)src;
}

static struct buf said;

static int emit(struct progress_sink *sink, const struct progress *p) FIBER_FN
{
	(void)sink;
	if (p->stream)
		buf_puts(&said, p->stream);
	return 0;
}

static int load(struct str archive, struct err *e) FIBER_FN
{
	struct memory_source src = {
		.source = {source_begin, source_end}, .reader.read = memory_read, .left = archive};
	struct progress_sink sink = {emit};

	buf_reset(&said);
	return image_load(store, &src.source, &sink, e);
}

static bool has_file(const char *path, const char *want)
{
	char got[64] = "", full[256];
	int fd;
	ssize_t n;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, got, sizeof(got) - 1);
	if (fd >= 0)
		close(fd);
	return n >= 0 && (!want || !strcmp(got, want));
}

static size_t count(const char *path)
{
	char full[256];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	dir = opendir(full);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void reopen(void) FIBER_FN
{
	struct err e = ERR_INIT;

	image_store_close(store);
	store = NULL;
	check_ok(image_store_open(&store, &options, &e), e);
}

/* --- the tests, each on a fiber --- */

static void fiber_archives(void) FIBER_FN
{
	struct sample s = sample("lower");
	struct image *img;
	struct err e = ERR_INIT;

	check_ok(load(docker_archive(&s, "[\"bb:latest\"]", false), &e), e);
	check(!strcmp(buf_text(&said), "Loaded image: bb:latest\n"));
	check_ok(image_lookup(store, "bb", &img, &e), e);
	check(!strcmp(img->id.text, s.id) && img->n_layers == 2 && img->size == 10);
	check(img->spec.config.cmd.n == 1 && img->created_ns == 1700000000LL * NSEC_PER_SEC);
	image_unref(img);
	check_ok(load(gzipped(docker_archive(&s, "[\"z:1\",\"y:1\"]", true)), &e), e);
	check(!strcmp(buf_text(&said), "Loaded image: z:1\nLoaded image: y:1\n"));
	check_ok(load(docker_archive(&s, "null", false), &e), e);
	check(!strncmp(buf_text(&said), "Loaded image ID: sha256:", 24));
	check_ok(load(oci_archive(&s, "\"io.containerd.image.name\":\"docker.io/library/o:1\"",
				  false),
		      &e),
		 e);
	check(!strcmp(buf_text(&said), "Loaded image: o:1\n"));
	check(image_store_count(store) == 1);
	check_ok(load(legacy_archive(&s), &e), e);
	check(!strcmp(buf_text(&said), "Loaded image: old:1\n"));
	check(image_store_count(store) == 2);
	/* The same two layers all the time. */
	check(count("layers") == 2 && count("tmp") == 0);
}

static void fiber_refused(void) FIBER_FN
{
	struct sample s = sample("lower"), wrong = s;
	struct str whole = docker_archive(&s, "[\"bb:latest\"]", false);
	struct err e = ERR_INIT;

	wrong.layers[1] = one_file("other", "x");
	check(load(docker_archive(&wrong, "[\"w:1\"]", false), &e) < 0);
	check(strstr(e.msg, "don't match image configuration"));
	check(load(oci_archive(&s, "", true), &e) < 0);
	check(strstr(e.msg, "verification failed"));
	check(load(docker_archive(&s, "[\"UPPER:x\"]", false), &e) < 0);
	check(load(str_span(whole.p, whole.n / 2), &e) < 0);
	check(load(STR("hello, this is no archive at all"), &e) < 0);
	check(load(STR(""), &e) < 0);
	check(load(one_file("manifest.json", "[]"), &e) < 0);
	check(load(one_file("manifest.json", "{}"), &e) < 0);
	check(load(one_file("manifest.json", "[{\"Config\":\"../../etc/passwd\"}]"), &e) < 0);
	check(image_store_count(store) == 0);
	check(count("layers") == 0 && count("tmp") == 0 && count("image/blobs/sha256") == 0);
}

static int tag(const char *from, const char *to, struct err *e) FIBER_FN
{
	struct reference ref;
	struct image *img;
	int rc = image_lookup(store, from, &img, e);

	if (rc < 0)
		return rc;
	rc = reference_parse(str_from(to), &ref, e);
	reference_default_tag(&ref);
	if (rc == 0)
		rc = image_tag(store, img, &ref, e);
	image_unref(img);
	return rc;
}

static void fiber_names(void) FIBER_FN
{
	struct sample s = sample("lower");
	struct image_removed *removed;
	struct image *img;
	struct err e = ERR_INIT;
	size_t n;

	check_ok(load(docker_archive(&s, "[\"bb:latest\"]", false), &e), e);
	check_ok(tag("bb", "example.com:5000/x/y:1", &e), e);
	check_ok(tag(s.id, "two", &e), e);
	check(image_lookup(store, "nothere", &img, &e) == -ENOENT);
	check(!strcmp(e.msg, "No such image: nothere:latest"));
	for (size_t len = 4; len <= 64; len += 20) {
		char prefix[65];

		snprintf(prefix, sizeof(prefix), "%.*s", (int)len, s.id + 7);
		check_ok(image_lookup(store, prefix, &img, &e), e);
		image_unref(img);
	}
	reopen();
	check(store && image_store_count(store) == 1);
	check_ok(image_lookup(store, "two:latest", &img, &e), e);
	check(img->names.n == 3 && img->last_tag_ns > 0);
	image_unref(img);
	check(image_remove(store, s.id, false, false, &arena, &removed, &n, &e) == -EBUSY);
	check(strstr(e.msg, "(must be forced) - image is referenced in multiple repositories"));
	check_ok(image_remove(store, "two", false, false, &arena, &removed, &n, &e), e);
	check(n == 1 && !removed[0].deleted && !strcmp(removed[0].what, "two:latest"));
	check_ok(image_remove(store, s.id, true, false, &arena, &removed, &n, &e), e);
	check(n == 5 && removed[2].deleted && !strcmp(removed[2].what, s.id));
	check(image_store_count(store) == 0);
	check(count("layers") == 0 && count("tmp") == 0 && count("image/blobs/sha256") == 0);
	reopen();
	check(store && image_store_count(store) == 0);
}

static bool find_user(void *arg, const struct image *img, bool running, char id[65])
{
	(void)arg;
	snprintf(id, 65, "%s", "0123456789abcdef");
	return running ? img->running : img->containers;
}

static void fiber_conflicts(void) FIBER_FN
{
	struct sample s = sample("lower");
	struct image_removed *removed;
	struct image *img;
	struct err e = ERR_INIT;
	size_t n;

	image_store_set_user_lookup(store, find_user, NULL);
	check_ok(load(docker_archive(&s, "[\"bb:latest\"]", false), &e), e);
	check_ok(image_lookup(store, "bb", &img, &e), e);
	img->containers = 1;
	check(image_remove(store, "bb", false, false, &arena, &removed, &n, &e) == -EBUSY);
	check(strstr(e.msg, "unable to remove repository reference \"bb\" (must force) - container "
			    "0123456789ab is using its referenced image "));
	check(image_remove(store, s.id, false, false, &arena, &removed, &n, &e) == -EBUSY);
	check(strstr(e.msg,
		     "(must be forced) - image is being used by stopped container 0123456789ab"));
	img->running = 1;
	check(image_remove(store, s.id, true, false, &arena, &removed, &n, &e) == -EBUSY);
	check(strstr(e.msg,
		     "(cannot be forced) - image is being used by running container 0123456789ab"));
	img->running = 0;
	check_ok(image_remove(store, "bb", true, false, &arena, &removed, &n, &e), e);
	check(img->gone);
	image_unref(img);
}

static int keep_none(void *arg, const char *id)
{
	(void)arg;
	return strcmp(id, "kept") ? 0 : 1;
}

static void fiber_snapshots(void) FIBER_FN
{
	struct sample s = sample("lower");
	struct image_removed *removed;
	struct image *img;
	struct err e = ERR_INIT;
	char path[256];
	size_t n;

	check_ok(load(docker_archive(&s, "[\"bb:latest\"]", false), &e), e);
	check_ok(image_lookup(store, "bb", &img, &e), e);
	check_ok(snapshot_create(store, "kept", img, &e), e);
	check(snapshot_create(store, "kept", img, &e) == -EBUSY);
	check(snapshot_create(store, "../x", img, &e) == -EINVAL);
	check_ok(snapshot_create(store, "gone", img, &e), e);
	image_unref(img);
	check_ok(snapshot_mount(store, "kept", NULL, path, sizeof(path), &e), e);
	check_ok(snapshot_mount(store, "kept", NULL, path, sizeof(path), &e), e);
	check(has_file("snapshots/kept/merged/etc/upper", "upper"));
	check(!has_file("snapshots/kept/merged/etc/lower", NULL));
	check(has_file("snapshots/kept/merged/etc/hosts", "") &&
	      has_file("snapshots/kept/merged/.dockerenv", "") &&
	      has_file("snapshots/kept/merged/dev/console", ""));
	/* The image goes, the container's root stays. */
	check_ok(image_remove(store, "bb", true, false, &arena, &removed, &n, &e), e);
	check_ok(snapshot_unmount(store, "kept", &e), e);
	reopen();
	check(store && image_store_count(store) == 0);
	check_ok(snapshot_sweep(store, keep_none, NULL, &e), e);
	check(count("snapshots") == 1);
	check_ok(snapshot_mount(store, "kept", NULL, path, sizeof(path), &e), e);
	check(has_file("snapshots/kept/merged/etc/upper", "upper"));
	check_ok(snapshot_remove(store, "kept", &e), e);
	check_ok(snapshot_remove(store, "kept", &e), e);
	check(count("snapshots") == 0 && count("layers") == 0 && count("tmp") == 0);
}

static void fiber_swept(void) FIBER_FN
{
	struct sample s = sample("lower");
	struct err e = ERR_INIT;
	char path[256];

	check_ok(load(docker_archive(&s, "[\"bb:latest\"]", false), &e), e);
	snprintf(path, sizeof(path), "%s/layers/0123456789abcdef01234567/diff", root);
	check_ok(dir_make_all(path, 0755, &e), e);
	snprintf(path, sizeof(path), "%s/tmp/layer-7/diff/x", root);
	check_ok(dir_make_all(path, 0755, &e), e);
	snprintf(path, sizeof(path), "%s/image/blobs/sha256/deadbeef", root);
	check_ok(file_replace_at(AT_FDCWD, path, STR("x"), 0600, false, &e), e);
	reopen();
	check(store && image_store_count(store) == 1);
	check(count("layers") == 2 && count("tmp") == 0 && count("image/blobs/sha256") == 4);
	/* A configuration that is not what its name says is not used. */
	snprintf(path, sizeof(path), "%s/image/blobs/sha256/%s", root, s.id + 7);
	check_ok(file_replace_at(AT_FDCWD, path, STR("{}"), 0600, false, &e), e);
	reopen();
	check(store && image_store_count(store) == 0);
}

/* --- the frame --- */

static void (*body)(void);

static void fiber_main(void *arg) FIBER_ENTRY
{
	struct err e = ERR_INIT;

	(void)arg;
	if (image_store_open(&store, &options, &e) < 0)
		snprintf(failure, sizeof(failure), "open: %s", e.msg);
	else
		body();
	image_store_close(store);
	store = NULL;
	loop_stop();
}

static void run(void (*fn)(void))
{
	struct err e = ERR_INIT;

	if (geteuid())
		skip();
	snprintf(root, sizeof(root), "/tmp/serin-store-XXXXXX");
	assert_non_null(mkdtemp(root));
	options.data_root = root;
	failure[0] = '\0';
	body = fn;
	arena_open_heap(&arena, 256u << 20);
	buf_init(&said, &arena, 65536);
	assert_int_equal(loop_init(&e), 0);
	assert_int_equal(fiber_system_init(&e), 0);
	assert_int_equal(job_system_init(&e), 0);
	assert_int_equal(fiber_spawn("test", fiber_main, NULL, POOL_NORMAL, NULL), 0);
	loop_run();
	job_system_fini();
	fiber_system_fini();
	loop_fini();
	arena_done(&arena);
	assert_int_equal(tree_remove_at(AT_FDCWD, root, &e), 0);
	if (failure[0])
		fail_msg("%s", failure);
}

#define ON_BOTH_DRIVERS(name)                                                                      \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		options.storage_driver = NULL;                                                     \
		run(fiber_##name);                                                                 \
	}                                                                                          \
	static void test_##name##_vfs(void **state)                                                \
	{                                                                                          \
		(void)state;                                                                       \
		if (!CONFIG(VFS))                                                                  \
			skip();                                                                    \
		options.storage_driver = "vfs";                                                    \
		run(fiber_##name);                                                                 \
	}

ON_BOTH_DRIVERS(archives)
ON_BOTH_DRIVERS(refused)
ON_BOTH_DRIVERS(names)
ON_BOTH_DRIVERS(conflicts)
ON_BOTH_DRIVERS(snapshots)
ON_BOTH_DRIVERS(swept)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_archives),  cmocka_unit_test(test_archives_vfs),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_refused_vfs),
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_names_vfs),
		cmocka_unit_test(test_conflicts), cmocka_unit_test(test_conflicts_vfs),
		cmocka_unit_test(test_snapshots), cmocka_unit_test(test_snapshots_vfs),
		cmocka_unit_test(test_swept),	  cmocka_unit_test(test_swept_vfs),
	};

	log_set_level(LOG_LEVEL_FATAL);
	NEEDS_ALL(tests, lacks_openat2());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
