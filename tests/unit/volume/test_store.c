/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a real loop with real jobs: making, finding, removing, users, mounts, filling, and
 * what a restart finds. A check that fails ends the test's fiber; cmocka hears of it on its own
 * stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/sched/loop.h"
#include "runtime/image/store.h"
#include "runtime/volume/private.h"
#include "tests/unit/needs.h"

/* copy.c names it for the vfs driver, which does not come into this. */
void layer_path(const struct digest *chain, const char *suffix, char out[STORE_PATH_MAX])
{
	(void)chain;
	(void)suffix;
	out[0] = '\0';
}

static char root[64], failure[1024];
static struct volume_store *store;
static struct event_bus *bus;
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

static const char *in_root(const char *path)
{
	return arena_printf(&arena, "%s/%s", root, path);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(in_root(path), &st) == 0;
}

static int entries(const char *path)
{
	DIR *dir = opendir(in_root(path));
	struct dirent *ent;
	int n = 0;

	while (dir && (ent = readdir(dir)) != NULL)
		n += strcmp(ent->d_name, ".") && strcmp(ent->d_name, "..");
	if (dir)
		closedir(dir);
	return dir ? n : -1;
}

static int put(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	return file_replace_at(AT_FDCWD, in_root(path), str_from(text), 0640, false, &e);
}

static void reopen(void) FIBER_FN
{
	struct err e = ERR_INIT;

	volume_store_close(store);
	store = NULL;
	if (volume_store_open(&store, root, bus, &e) < 0)
		snprintf(failure, sizeof(failure), "open: %s", e.msg);
}

static int make(const char *name, const char *user, struct volume **ret, bool *ret_new,
		struct err *e) FIBER_FN
{
	struct volume_request req = {.name = name, .user = user};

	return volume_create(store, &req, ret, ret_new, e);
}

static void fiber_life(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL, *again = NULL, *none = NULL, *lost = NULL;
	struct text_pair label = {"k", "v"};
	struct text_map labels = {&label, 1, true};
	struct volume_request req = {.name = "one", .labels = &labels};
	struct volume **all;
	struct err e = ERR_INIT;
	bool is_new;
	size_t n;

	check_ok(volume_create(store, &req, &v, &is_new, &e), e);
	check(is_new && !strcmp(v->name, "one") && exists("volumes/one/_data"));
	check(!strcmp(v->mountpoint, in_root("volumes/one/_data")));
	check_ok(make("one", NULL, &again, &is_new, &e), e);
	check(!is_new && again == v);
	check_ok(make(NULL, NULL, &none, &is_new, &e), e);
	check(strlen(none->name) == 64 && volume_is_anonymous(none) && !volume_is_anonymous(v));
	check_ok(volume_list(store, &arena, &all, &n), e);
	check(n == 2 && volume_store_count(store) == 2);
	for (size_t i = 0; i < n; i++)
		volume_unref(all[i]);
	check_ok(volume_remove(none, &e), e);
	check(none->gone && entries("volumes") == 1);
	check(volume_remove(none, &e) == -ENOENT);
	check(volume_lookup(store, none->name, &lost, &e) == -ENOENT);
	check(strz_starts(e.msg, "get ") && strstr(e.msg, ": no such volume"));
}

static void fiber_names(void) FIBER_FN
{
	static const char *const bad[] = {"a",	 ".x", "-x",  "_x",	  "a/b",
					  "a b", "..", "a\n", "\xc3\xbc", "x:y"};
	struct err e = ERR_INIT;
	struct volume *v = NULL;
	char name[300];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(make(bad[i], NULL, &v, NULL, &e) == -EINVAL);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	check(make(name, NULL, &v, NULL, &e) == -EINVAL);
	check(volume_store_count(store) == 0 && entries("volumes") == 0);
	name[255] = '\0';
	check_ok(make(name, NULL, &v, NULL, &e), e);
	check_ok(volume_remove(v, &e), e);
	volume_unref(v);
	check_ok(make("a_.-Z9", NULL, &v, NULL, &e), e);
	volume_unref(v);
}

static void fiber_users(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL, *again = NULL;
	struct err e = ERR_INIT;

	check_ok(make("shared", "first", &v, NULL, &e), e);
	check_ok(make("shared", "second", &again, NULL, &e), e);
	check(volume_use(v, "first") == 0 && volume_users(v) == 2);
	check(volume_remove(v, &e) == -EBUSY);
	check(!strcmp(e.msg, "remove shared: volume is in use - [first, second]"));
	volume_release(v, "first");
	volume_release(v, "second");
	volume_release(v, "nobody");
	check(volume_users(v) == 1);
	volume_release(v, "first");
	check_ok(volume_remove(v, &e), e);
}

static void fiber_restart(void) FIBER_FN
{
	struct text_pair label = {"k", "\"quoted\"\n"},
			 options[] = {{"type", "tmpfs"}, {"device", "x"}};
	struct text_map labels = {&label, 1, true}, opts = {options, 2, true};
	struct volume_request req = {.name = "kept", .labels = &labels, .options = &opts};
	struct volume *v = NULL;
	struct err e = ERR_INIT;
	int64_t created;

	check_ok(volume_create(store, &req, &v, NULL, &e), e);
	created = v->created_ns;
	volume_unref(v);
	check_ok(dir_make_all(in_root("volumes/.new-1/_data"), 0755, &e), e);
	check_ok(dir_make_all(in_root("volumes/.gone-1/_data/deep"), 0755, &e), e);
	check_ok(dir_make_all(in_root("volumes/kept/_copy/half"), 0755, &e), e);
	check_ok(dir_make_all(in_root("volumes/strange/_data"), 0755, &e), e);
	reopen();
	check(store && volume_store_count(store) == 1);
	check(entries("volumes") == 2 && !exists("volumes/kept/_copy"));
	check_ok(volume_lookup(store, "kept", &v, &e), e);
	check(v->created_ns == created && !strcmp(v->labels.items[0].value, "\"quoted\"\n"));
	check(!strcmp(text_map_get(&v->options, "type"), "tmpfs"));
	volume_unref(v);
	/* One whose directory holds no volume.json is not taken over, and not overwritten. */
	check(make("strange", NULL, &v, NULL, &e) < 0 && exists("volumes/strange/_data"));
	check(entries("volumes") == 2);
}

static void fiber_populate(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	struct err e = ERR_INIT;
	struct stat st;
	uint64_t bytes = 0;

	check_ok(dir_make_all(in_root("image/data/sub"), 0750, &e), e);
	check(put("image/data/file", "hello") == 0 && put("image/data/sub/deep", "x") == 0);
	check(symlink("/nonexistent", in_root("image/data/link")) == 0);
	check(symlink("/data", in_root("image/there")) == 0);
	check(symlink("/../..", in_root("image/out")) == 0);
	check(chmod(in_root("image/data"), 01771) == 0);
	check_ok(make("vol", NULL, &v, NULL, &e), e);
	check(volume_is_empty(v));
	check_ok(volume_populate(v, in_root("image"), "/nothing", &e), e);
	check(volume_is_empty(v) && !volume_content_at(in_root("image"), "/nothing"));
	check(volume_populate(v, in_root("image"), "/data/file", &e) == -EINVAL);
	check(strstr(e.msg, "cannot mount volume over existing file, file exists /data/file"));
	check_ok(volume_populate(v, in_root("image"), "/there", &e), e);
	check(entries("volumes/vol") == 2 && entries("volumes/vol/_data") == 3);
	check(stat(in_root("volumes/vol/_data"), &st) == 0 && (st.st_mode & 07777) == 01771);
	check(stat(in_root("volumes/vol/_data/file"), &st) == 0 && (st.st_mode & 07777) == 0640);
	check(exists("volumes/vol/_data/sub/deep") && !volume_is_empty(v));
	/* Not empty: it stays as it is. */
	check_ok(volume_populate(v, in_root("image"), "/out", &e), e);
	check(entries("volumes/vol/_data") == 3);
	check_ok(volume_measure(v, &bytes, &e), e);
	check(bytes > 0);
}

static void fiber_populate_in_use(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	CLEANUP_FD int held = -1;
	struct err e = ERR_INIT;

	check_ok(dir_make_all(in_root("image/data"), 0750, &e), e);
	check(put("image/data/file", "hello") == 0);
	check_ok(make("vol", "runs", &v, NULL, &e), e);
	check_ok(volume_mount(v, &e), e);
	held = open(in_root("volumes/vol/_data"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	check_ok(volume_populate(v, in_root("image"), "/data", &e), e);
	check(faccessat(held, "file", F_OK, 0) == 0);
	volume_unmount(v);
}

static void fiber_mount(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	struct text_pair options[] = {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=64k"}};
	struct text_map opts = {options, 3, true};
	struct volume_request req = {.name = "tmp", .options = &opts};
	struct err e = ERR_INIT;

	check_ok(volume_create(store, &req, &v, NULL, &e), e);
	check(volume_has_mount(v) && !volume_path_is_mounted(v->mountpoint));
	check_ok(volume_mount(v, &e), e);
	check_ok(volume_mount(v, &e), e);
	check(volume_path_is_mounted(v->mountpoint));
	volume_unmount(v);
	check(volume_path_is_mounted(v->mountpoint));
	volume_unmount(v);
	check(!volume_path_is_mounted(v->mountpoint));
	/* What a crash left goes, what still runs keeps it. */
	check(mount("none", v->mountpoint, "tmpfs", 0, NULL) == 0);
	volume_adopt_mount(v);
	check(volume_store_sweep(store) == 0 && volume_path_is_mounted(v->mountpoint));
	volume_unmount(v);
	check(!volume_path_is_mounted(v->mountpoint));
	check(mount("none", v->mountpoint, "tmpfs", 0, NULL) == 0);
	check(volume_store_sweep(store) == 1 && !volume_path_is_mounted(v->mountpoint));
}

static void fiber_mount_fails(void) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	struct text_pair options[] = {
		{"type", "nosuchfs"}, {"device", "d"}, {"o", "x=1,password=hush,y=2"}};
	struct text_map opts = {options, 3, true};
	struct volume_request req = {.name = "bad", .options = &opts};
	struct err e = ERR_INIT;

	check_ok(volume_create(store, &req, &v, NULL, &e), e);
	check(volume_mount(v, &e) < 0 && !v->mounts);
	check(strstr(e.msg, "failed to mount local volume: mount d:"));
	check(strstr(e.msg, "x=1,password=********,y=2") && !strstr(e.msg, "hush"));
}

/* --- the frame --- */

static void (*body)(void);

static void fiber_main(void *arg) FIBER_ENTRY
{
	(void)arg;
	reopen();
	if (store)
		body();
	volume_store_close(store);
	store = NULL;
	loop_stop();
}

static void run(void (*fn)(void))
{
	struct err e = ERR_INIT;

	snprintf(root, sizeof(root), "/tmp/serin-volume-XXXXXX");
	assert_non_null(mkdtemp(root));
	failure[0] = '\0';
	body = fn;
	arena_open_heap(&arena, 1u << 20);
	assert_int_equal(event_bus_open(&bus, &e), 0);
	assert_int_equal(loop_init(&e), 0);
	assert_int_equal(fiber_system_init(&e), 0);
	assert_int_equal(job_system_init(&e), 0);
	assert_int_equal(fiber_spawn("test", fiber_main, NULL, POOL_NORMAL, NULL), 0);
	loop_run();
	job_system_fini();
	fiber_system_fini();
	loop_fini();
	event_bus_close(bus);
	umount2(in_root("volumes/tmp/_data"), MNT_DETACH);
	arena_done(&arena);
	assert_int_equal(tree_remove_at(AT_FDCWD, root, &e), 0);
	if (failure[0])
		fail_msg("%s", failure);
}

#define TEST(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		run(fiber_##name);                                                                 \
	}
#define ROOT_TEST(name)                                                                            \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		if (geteuid())                                                                     \
			skip();                                                                    \
		NEEDS(lacks_openat2());                                                            \
		run(fiber_##name);                                                                 \
	}

TEST(life)
TEST(names)
TEST(users)
TEST(restart)
ROOT_TEST(populate)
ROOT_TEST(populate_in_use)
ROOT_TEST(mount)
ROOT_TEST(mount_fails)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	 cmocka_unit_test(test_names),
		cmocka_unit_test(test_users),	 cmocka_unit_test(test_restart),
		cmocka_unit_test(test_populate), cmocka_unit_test(test_populate_in_use),
		cmocka_unit_test(test_mount),	 cmocka_unit_test(test_mount_fails),
	};

	log_set_level(LOG_LEVEL_FATAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
