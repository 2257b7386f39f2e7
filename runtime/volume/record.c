/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.json: what a volume is, in the words of GET /volumes/{name}. Written once, when the volume
 * is made.
 */
#include <errno.h>

#include "runtime/volume/private.h"

struct volume_record {
	const char *name, *driver, *created;
	struct text_map labels, options;
};

static const struct shape_field fields[] = {
	SHAPE_FIELD(struct volume_record, "Name", name, SHAPE_TEXT, .flags = 0),
	SHAPE_FIELD(struct volume_record, "Driver", driver, SHAPE_TEXT, .flags = 0),
	SHAPE_FIELD(struct volume_record, "CreatedAt", created, SHAPE_TEXT, .flags = 0),
	SHAPE_FIELD(struct volume_record, "Labels", labels, SHAPE_TEXT_MAP,
		    .flags = SHAPE_EMPTY_ARRAY),
	SHAPE_FIELD(struct volume_record, "Options", options, SHAPE_TEXT_MAP,
		    .flags = SHAPE_EMPTY_ARRAY),
};
static const struct shape shape_volume_record = {
	.name = "Volume",
	.size = sizeof(struct volume_record),
	.fields = fields,
	.n_fields = ARRAY_LEN(fields),
};

int volume_encode(const struct volume *v, struct arena *a, struct str *ret)
{
	char created[CLOCK_RFC3339_MAX];
	struct volume_record rec = {.name = v->name,
				    .driver = VOLUME_DRIVER,
				    .created = created,
				    .labels = v->labels,
				    .options = v->options};
	struct json_writer w;
	struct buf out;

	clock_format_rfc3339nano(v->created_ns, created);
	buf_init(&out, a, VOLUME_FILE_MAX);
	json_begin(&w, &out);
	w.pretty = true;
	shape_encode(&shape_volume_record, &rec, &w, 0);
	buf_putc(&out, '\n');
	if (out.failed)
		return -ENOMEM;
	*ret = buf_str(&out);
	return 0;
}

int volume_decode(struct volume *v, const char *name, struct str json, struct arena *a,
		  struct err *e)
{
	struct volume_record rec = {0};
	struct json_node root;

	/* Texts go straight into the volume's own arena. */
	if (json_parse(json, a, &root, e) < 0 ||
	    shape_decode(&shape_volume_record, root, &v->mem, &rec, e) < 0)
		return err_code(e);
	if (!rec.name || strcmp(rec.name, name) || !rec.driver ||
	    strcmp(rec.driver, VOLUME_DRIVER) || !rec.created ||
	    clock_parse_rfc3339(str_from(rec.created), &v->created_ns) < 0)
		return err_set(e, ERR_INVALID, "volume.json lacks its name, driver or time");
	v->name = rec.name;
	v->labels = rec.labels;
	v->options = rec.options;
	v->mountpoint = volume_path(v->store, v->name, &v->mem);
	return v->mountpoint ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory for volume %s", name);
}
