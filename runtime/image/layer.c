/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/inflate.h"
#include "runtime/image/relay.h"

#define LAYER_FILE_MAX 4096
#define DRAIN_SIZE 65536

/* --- layer.json --- */

static int write_layer_file(const struct layer_work *w, const struct unpack_result *u,
			    struct err *e)
{
	char path[STORE_PATH_MAX + 16], text[LAYER_FILE_MAX / 4];
	struct json_writer j;
	struct buf b;

	buf_init_fixed(&b, text, sizeof(text));
	json_begin(&j, &b);
	j.pretty = true;
	json_object_open(&j);
	json_kv_text(&j, "chainID", w->chain.text);
	json_kv_text(&j, "diffID", w->diff_id.text);
	json_kv_text(&j, "parent", w->parent.text);
	json_kv_i64(&j, "size", (int64_t)u->size);
	json_kv_i64(&j, "entries", (int64_t)u->entries);
	json_kv_i64(&j, "whiteouts", (int64_t)u->whiteouts);
	json_kv_text(&j, "form", w->form == LAYER_PLAIN ? "plain" : "overlay");
	json_object_close(&j);
	buf_putc(&b, '\n');
	if (b.failed)
		return err_sys(e, ENOMEM, "describe a layer");
	snprintf(path, sizeof(path), "%s/layer.json", w->dir_tmp);
	return file_replace_at(w->root_fd, path, buf_str(&b), 0600, false, e);
}

static int take_digest(struct json_node n, struct arena *a, struct digest *ret, struct err *e)
{
	struct str text;

	if (json_string(n, a, &text) < 0)
		return err_set(e, ERR_INVALID, "a digest is missing");
	return digest_parse(text, ret, e);
}

int layer_file_read(int root_fd, const char *name, struct arena *a, struct layer_file *ret,
		    struct err *e)
{
	char path[STORE_PATH_MAX];
	struct json_node root;
	struct layer_file f = {0};
	int64_t size = -1, whiteouts = 0;
	struct str text, form;
	struct stat st;
	int rc;

	snprintf(path, sizeof(path), LAYERS_DIR "/%.64s/layer.json", name);
	rc = file_read_at(root_fd, path, LAYER_FILE_MAX, a, &text, e);
	if (rc == 0)
		rc = json_parse(text, a, &root, e);
	if (rc == 0)
		rc = take_digest(json_get(root, "chainID"), a, &f.chain, e);
	if (rc == 0)
		rc = take_digest(json_get(root, "diffID"), a, &f.diff_id, e);
	if (rc < 0)
		return rc;
	if (json_i64(json_get(root, "size"), &size) < 0 || size < 0 ||
	    json_i64(json_get(root, "whiteouts"), &whiteouts) < 0 ||
	    json_string(json_get(root, "form"), a, &form) < 0 ||
	    strncmp(digest_hex(&f.chain), name, LAYER_DIR_HEX))
		return err_set(e, ERR_INVALID, "layer.json is damaged");
	snprintf(path, sizeof(path), LAYERS_DIR "/%.64s/diff", name);
	if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_INVALID, "its directory is missing");
	f.size = (uint64_t)size;
	f.whiteouts = (uint64_t)whiteouts;
	f.plain = str_eqz(form, "plain");
	*ret = f;
	return 0;
}

/* --- the pipe --- */

/* Reads on, hashes what passes, and keeps a copy in a blob. */
struct tap {
	struct reader reader;
	struct reader *source;
	const struct job *job;
	struct sha256 hash;
	struct blob_writer *blob; /* it hashes for itself */
	atomic_uint_fast64_t *count;
	bool source_failed; /* what comes after it is not to blame */
};

static ssize_t tap_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct tap *t = container_of(reader, struct tap, reader);
	ssize_t got;
	int rc;

	if (t->job && job_stopped(t->job))
		return err_sys(e, ECANCELED, "make a layer");
	got = reader_read(t->source, p, n, e);
	if (got < 0)
		t->source_failed = true;
	if (got <= 0)
		return got;
	if (t->blob) {
		rc = writer_write(&t->blob->writer, p, (size_t)got, e);
		if (rc < 0) {
			t->source_failed = true;
			return rc;
		}
	} else {
		sha256_update(&t->hash, p, (size_t)got);
	}
	if (t->count)
		atomic_fetch_add_explicit(t->count, (uint64_t)got, memory_order_relaxed);
	return got;
}

static void tap_init(struct tap *t, struct reader *source, const struct job *job)
{
	*t = (struct tap){.reader.read = tap_read, .source = source, .job = job};
	sha256_init(&t->hash);
}

/* Read to the end: the padding behind a tar's end is part of what is hashed. */
static int drain(struct reader *r, struct err *e)
{
	CLEANUP_MEM char *waste = mem_alloc(DRAIN_SIZE);
	ssize_t got;

	if (!waste)
		return err_sys(e, ENOMEM, "make a layer");
	do {
		got = reader_read(r, waste, DRAIN_SIZE, e);
	} while (got > 0);
	return (int)got;
}

struct pipe {
	struct tap in, out;
	struct blob_writer blob;
	struct inflate *inflate;
	struct relay *relay; /* what is behind it runs on the worker, what is before ahead of it */
};

static NOINLINE int unpack_through(struct layer_work *w, const struct job *job, struct pipe *p,
				   struct unpack_result *u, struct err *e)
{
	char path[STORE_PATH_MAX + 16];
	struct unpack_options opt = {.form = w->form, .job = job};
	CLEANUP_FD int fd = -1;
	int rc;

	snprintf(path, sizeof(path), "%s/diff", w->dir_tmp);
	if (mkdirat(w->root_fd, w->dir_tmp, 0700) < 0 || mkdirat(w->root_fd, path, 0755) < 0)
		return err_sys(e, errno, "make %s", path);
	fd = openat(w->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(e, errno, "open %s", path);
	opt.root_fd = fd;
	rc = inflate_open(&p->inflate, &p->in.reader, 0, e);
	if (rc == 0)
		rc = relay_open(&p->relay, inflate_reader(p->inflate), e);
	if (rc < 0)
		return rc;
	inflate_unchecked(p->inflate);
	tap_init(&p->out, relay_reader(p->relay), job);
	rc = unpack_tar(&p->out.reader, &opt, u, e);
	if (rc == 0)
		rc = drain(&p->out.reader, e);
	/* From here on the source is read, and what was counted is looked at, by us alone. */
	relay_close(TAKE_PTR(p->relay));
	return rc;
}

/* The digest of the bytes as they came. Even when unpacking failed: wrong bytes are the better
 * reason. */
static NOINLINE int verify_source(struct layer_work *w, struct pipe *p, int rc, struct err *e)
{
	struct err later = ERR_INIT;
	int rc2;

	if (rc < 0 && (p->in.source_failed || e->kind != ERR_INVALID || !w->blob.text[0]))
		return rc;
	rc2 = drain(&p->in.reader, &later);
	if (rc2 == 0) {
		if (p->in.blob) {
			struct sha256 copy = p->blob.hash;

			digest_from_sha256(&copy, &w->blob_found);
		} else {
			digest_from_sha256(&p->in.hash, &w->blob_found);
		}
		if (w->blob.text[0] && !digest_eq(&w->blob, &w->blob_found))
			rc2 = err_set(&later, ERR_INVALID,
				      "filesystem layer verification failed for digest %s",
				      w->blob.text);
	}
	if (rc2 < 0 && (rc == 0 || w->blob_found.text[0])) {
		*e = later;
		return rc2;
	}
	return rc;
}

static NOINLINE int publish(struct layer_work *w, const struct unpack_result *u, struct pipe *p,
			    struct err *e)
{
	char path[STORE_PATH_MAX];
	struct digest found;
	int rc;

	digest_from_sha256(&p->out.hash, &found);
	if (!digest_eq(&found, &w->diff_id))
		return err_set(
			e, ERR_INVALID,
			"layers from manifest don't match image configuration: layer %s is not %s",
			found.text, w->diff_id.text);
	rc = write_layer_file(w, u, e);
	if (rc == 0 && p->in.blob)
		rc = blob_writer_commit(&p->blob, NULL, &found, e);
	if (rc < 0)
		return rc;
	layer_path(&w->chain, "", path);
	if (renameat(w->root_fd, w->dir_tmp, w->root_fd, path) < 0)
		return err_sys(e, errno, "rename %s to %s", w->dir_tmp, path);
	w->size = u->size;
	return 0;
}

int layer_make(struct layer_work *w, const struct job *job, struct err *e)
{
	CLEANUP_MEM struct pipe *p = mem_alloc(sizeof(*p));
	struct unpack_result u = {0};
	int rc = 0;

	if (!p)
		return err_sys(e, ENOMEM, "make a layer");
	p->blob.fd = -1;
	tap_init(&p->in, w->source, job);
	p->in.count = &w->taken;
	if (w->blob_tmp[0]) {
		rc = blob_writer_open(&p->blob, w->root_fd, w->blob_tmp, e);
		p->in.blob = &p->blob;
	}
	if (rc == 0) {
		rc = unpack_through(w, job, p, &u, e);
		rc = verify_source(w, p, rc, e);
	}
	if (rc == 0) {
		atomic_store(&w->all_taken, true);
		rc = publish(w, &u, p, e);
	}
	inflate_free(p->inflate);
	blob_writer_abort(&p->blob);
	if (rc < 0)
		(void)!tree_remove_at(w->root_fd, w->dir_tmp, NULL);
	return rc;
}
