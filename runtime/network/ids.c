/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in networks keep their ids and creation times across restarts, in
 * <data-root>/network/builtin.json: {"bridge": {"Id": "…", "Created": 1700000000000000000}, …}.
 * The file is small and not precious: when it is unreadable new ids are made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/clock.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/fmt/json.h"
#include "runtime/network/private.h"

enum { FILE_MAX = 16384 };

/* True when the file names all networks. */
static bool read_ids(struct network_system *n, struct str text, struct arena *a)
{
	struct json_node root;

	if (json_parse(text, a, &root, NULL) < 0)
		return false;
	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		struct json_node entry = json_get(root, n->info[i].name);
		struct str id;
		int64_t created;

		if (json_string(json_get(entry, "Id"), a, &id) < 0 || id.n != 64 ||
		    !str_is_hex(id) || json_i64(json_get(entry, "Created"), &created) < 0)
			return false;
		(void)str_copy(n->info[i].id, sizeof(n->info[i].id), id);
		n->info[i].created_ns = created;
	}
	return true;
}

static void make_ids(struct network_system *n)
{
	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		uint8_t random[32];

		random_bytes(random, sizeof(random));
		hex_encode(random, sizeof(random), n->info[i].id);
		n->info[i].created_ns = clock_wall();
	}
}

static int write_ids(const struct network_system *n, const char *path, struct err *e)
{
	char text[1024];
	struct json_writer w;
	struct buf b;

	buf_init_fixed(&b, text, sizeof(text));
	json_begin(&w, &b);
	w.pretty = true;
	json_object_open(&w);
	for (size_t i = 0; i < NETWORK_KINDS; i++) {
		json_key(&w, n->info[i].name);
		json_object_open(&w);
		json_kv_text(&w, "Id", n->info[i].id);
		json_kv_i64(&w, "Created", n->info[i].created_ns);
		json_object_close(&w);
	}
	json_object_close(&w);
	buf_putc(&b, '\n');
	if (b.failed)
		return err_sys(e, ENOSPC, "network ids");
	return file_replace_at(AT_FDCWD, path, buf_str(&b), 0600, true, e);
}

int network_load_ids(struct network_system *n, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	char dir[NETNS_PATH_MAX], path[NETNS_PATH_MAX + 16];
	struct str text;
	int len = snprintf(dir, sizeof(dir), "%s/network", n->opt->data_root), r;

	if (len < 0 || (size_t)len >= sizeof(dir))
		return err_set(e, ERR_INVALID, "the path of the data root is too long");
	(void)snprintf(path, sizeof(path), "%s/builtin.json", dir);
	arena_open_heap(&a, 16 * FILE_MAX);
	r = file_read_at(AT_FDCWD, path, FILE_MAX, &a, &text, e);
	if (r == 0 && read_ids(n, text, &a))
		return 0;
	if (r == 0)
		log_warn("%s is damaged: the built-in networks get new ids", path);
	else if (r != -ENOENT && r != -E2BIG)
		return r;
	err_clear(e);
	make_ids(n);
	r = dir_make_all(dir, 0700, e);
	return r < 0 ? r : write_ids(n, path, e);
}
