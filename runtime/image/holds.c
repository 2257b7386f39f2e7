/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting who needs a blob or a layer. Counts live on the loop thread; the files go with the last
 * hold, by one rename, so that whoever asks next either still finds the whole or finds nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "firmware/core/mem.h"
#include "runtime/image/store.h"

static struct blob *blob_find(struct image_store *s, const struct digest *d)
{
	struct map_node *n = map_find(&s->blobs, str_from(digest_hex(d)));

	return n ? map_entry(n, struct blob, node) : NULL;
}

int blob_hold(struct image_store *s, const struct digest *d, struct err *e)
{
	struct blob *b = blob_find(s, d);

	if (b) {
		b->holds++;
		return 0;
	}
	b = mem_alloc(sizeof(*b));
	if (!b)
		return err_sys(e, ENOMEM, "hold blob %s", d->text);
	memcpy(b->hex, digest_hex(d), DIGEST_HEX);
	b->holds = 1;
	if (map_insert(&s->blobs, &b->node, str_from(b->hex)) < 0) {
		mem_free(b);
		return err_sys(e, ENOMEM, "hold blob %s", d->text);
	}
	return 0;
}

void blob_release(struct image_store *s, const struct digest *d)
{
	struct blob *b = blob_find(s, d);
	char path[STORE_PATH_MAX];

	if (!b || --b->holds)
		return;
	map_remove(&s->blobs, &b->node);
	mem_free(b);
	blob_path(d, path);
	store_discard(s, path);
}

bool blob_exists(struct image_store *s, const struct digest *d)
{
	char path[STORE_PATH_MAX];
	struct stat st;

	blob_path(d, path);
	return fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

struct layer *layer_find(struct image_store *s, const struct digest *chain)
{
	struct map_node *n = map_find(&s->layers, str_from(digest_hex(chain)));

	return n ? map_entry(n, struct layer, node) : NULL;
}

/* Two chain IDs may not share the name of a directory (96 bits: it does not happen by chance). */
static bool directory_taken(struct image_store *s, const struct digest *chain)
{
	char path[STORE_PATH_MAX];
	struct stat st;

	layer_path(chain, "", path);
	return fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int layer_add(struct image_store *s, const struct digest *chain,
		     const struct digest *diff_id, struct layer **ret, struct err *e)
{
	struct layer *l;

	if (s->layers.count >= CONFIG_LAYERS_MAX)
		return err_set(e, ERR_TOO_LARGE, "there are %d layers already (CONFIG_LAYERS_MAX)",
			       CONFIG_LAYERS_MAX);
	if (directory_taken(s, chain))
		return err_set(e, ERR_CONFLICT, "the directory of layer %s is taken", chain->text);
	l = mem_alloc(sizeof(*l));
	if (!l)
		return err_sys(e, ENOMEM, "claim layer %s", chain->text);
	l->chain = *chain;
	l->diff_id = *diff_id;
	l->form = store_form(s);
	l->holds = 1;
	l->making = true;
	if (map_insert(&s->layers, &l->node, str_from(digest_hex(&l->chain))) < 0) {
		mem_free(l);
		return err_sys(e, ENOMEM, "claim layer %s", chain->text);
	}
	*ret = l;
	return 1;
}

int layer_claim(struct image_store *s, const struct digest *chain, const struct digest *diff_id,
		struct layer **ret, struct err *e) FIBER_FN
{
	struct layer *l;

	while ((l = layer_find(s, chain)) && l->making) {
		int rc = waitq_wait(&s->changed, DEADLINE_NEVER);

		if (rc < 0)
			return err_sys(e, rc, "wait for layer %s", chain->text);
	}
	if (!l)
		return layer_add(s, chain, diff_id, ret, e);
	l->holds++;
	*ret = l;
	return 0;
}

void layer_made(struct image_store *s, struct layer *l, uint64_t size)
{
	l->size = size;
	l->making = false;
	waitq_wake_all(&s->changed);
}

void layer_given_up(struct image_store *s, struct layer *l)
{
	map_remove(&s->layers, &l->node);
	mem_free(l);
	waitq_wake_all(&s->changed);
}

void layer_hold(struct layer *l)
{
	l->holds++;
}

void layer_release(struct image_store *s, struct layer *l)
{
	char path[STORE_PATH_MAX];

	if (!l || --l->holds)
		return;
	layer_path(&l->chain, "", path);
	store_discard(s, path);
	layer_path(&l->chain, "-init", path);
	store_discard(s, path);
	map_remove(&s->layers, &l->node);
	mem_free(l);
}
