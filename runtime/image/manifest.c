/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/manifest.h"

#include <errno.h>
#include <stdio.h>

/* --- as they stand in JSON --- */

struct platform_text {
	const char *os, *architecture, *variant;
};
static const struct shape_field platform_fields[] = {
	SHAPE_FIELD(struct platform_text, "os", os, SHAPE_TEXT),
	SHAPE_FIELD(struct platform_text, "architecture", architecture, SHAPE_TEXT),
	SHAPE_FIELD(struct platform_text, "variant", variant, SHAPE_TEXT),
};
static const struct shape shape_platform = {
	.name = "Platform",
	.size = sizeof(struct platform_text),
	.fields = platform_fields,
	.n_fields = ARRAY_LEN(platform_fields),
};

struct descriptor_text {
	const char *media_type, *digest;
	int64_t size;
	struct platform_text *platform;
	struct text_map annotations;
};
static const struct shape_field descriptor_fields[] = {
	SHAPE_FIELD(struct descriptor_text, "mediaType", media_type, SHAPE_TEXT),
	SHAPE_FIELD(struct descriptor_text, "digest", digest, SHAPE_TEXT),
	SHAPE_FIELD(struct descriptor_text, "size", size, SHAPE_I64),
	SHAPE_FIELD(struct descriptor_text, "platform", platform, SHAPE_PTR,
		    .sub = &shape_platform),
	SHAPE_FIELD(struct descriptor_text, "annotations", annotations, SHAPE_TEXT_MAP),
};
static const struct shape shape_descriptor = {
	.name = "Descriptor",
	.size = sizeof(struct descriptor_text),
	.fields = descriptor_fields,
	.n_fields = ARRAY_LEN(descriptor_fields),
};

struct manifest_text {
	int64_t schema_version;
	const char *media_type;
	struct descriptor_text *config;
	struct shape_array layers, manifests;
};
static const struct shape_field manifest_fields[] = {
	SHAPE_FIELD(struct manifest_text, "schemaVersion", schema_version, SHAPE_I64),
	SHAPE_FIELD(struct manifest_text, "mediaType", media_type, SHAPE_TEXT),
	SHAPE_FIELD(struct manifest_text, "config", config, SHAPE_PTR, .sub = &shape_descriptor),
	SHAPE_FIELD(struct manifest_text, "layers", layers, SHAPE_ARRAY, .sub = &shape_descriptor),
	SHAPE_FIELD(struct manifest_text, "manifests", manifests, SHAPE_ARRAY,
		    .sub = &shape_descriptor),
};
static const struct shape shape_manifest = {
	.name = "Manifest",
	.size = sizeof(struct manifest_text),
	.fields = manifest_fields,
	.n_fields = ARRAY_LEN(manifest_fields),
};

/* --- checked --- */

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static const char *normal_architecture(const char *arch, const char **variant);

static int take_descriptor(const struct descriptor_text *d, struct arena *a, struct descriptor *ret,
			   struct err *e)
{
	struct platform *p;
	int rc = digest_parse(str_from(or_empty(d->digest)), &ret->digest, e);

	if (rc < 0)
		return err_wrap(e, "invalid manifest");
	if (d->size < 0)
		return err_set(e, ERR_INVALID, "invalid manifest: negative size");
	ret->media_type = or_empty(d->media_type);
	ret->size = (uint64_t)d->size;
	ret->annotations = d->annotations;
	if (!d->platform)
		return 0;
	p = arena_alloc(a, sizeof(*p));
	if (!p)
		return err_sys(e, ENOMEM, "read a manifest");
	p->os = or_empty(d->platform->os);
	p->variant = or_empty(d->platform->variant);
	p->architecture = normal_architecture(or_empty(d->platform->architecture), &p->variant);
	ret->platform = p;
	return 0;
}

static int take_entries(const struct shape_array *array, size_t max, struct arena *a,
			struct manifest *m, struct err *e)
{
	const struct descriptor_text *items = array->items;

	if (array->n > max)
		return err_set(e, ERR_TOO_LARGE, "invalid manifest: %zu entries (at most %zu)",
			       array->n, max);
	m->entries = arena_alloc_array(a, array->n + 1, sizeof(*m->entries));
	if (!m->entries)
		return err_sys(e, ENOMEM, "read a manifest");
	for (size_t i = 0; i < array->n; i++) {
		int rc = take_descriptor(&items[i], a, &m->entries[i], e);

		if (rc < 0)
			return rc;
	}
	m->n_entries = array->n;
	return 0;
}

static bool is_index_type(const char *type)
{
	return !strcmp(type, TYPE_OCI_INDEX) || !strcmp(type, TYPE_DOCKER_LIST);
}
static bool is_image_type(const char *type)
{
	return !strcmp(type, TYPE_OCI_MANIFEST) || !strcmp(type, TYPE_DOCKER_MANIFEST);
}
static bool is_config_type(const char *type)
{
	return !type[0] || !strcmp(type, TYPE_OCI_CONFIG) || !strcmp(type, TYPE_DOCKER_CONFIG);
}

/* One type out of what the document says, what came with it, and what it looks like. */
static int find_type(const struct manifest_text *t, const char *content_type, const char **ret,
		     struct err *e)
{
	const char *type = or_empty(t->media_type);

	if (!type[0] && content_type &&
	    (is_index_type(content_type) || is_image_type(content_type)))
		type = content_type;
	if (!type[0])
		type = t->manifests.set && !t->config ? TYPE_OCI_INDEX : TYPE_OCI_MANIFEST;
	if (t->schema_version != 2)
		return err_set(e, ERR_INVALID, "unsupported manifest: schema version %lld",
			       (long long)t->schema_version);
	if (!is_index_type(type) && !is_image_type(type))
		return err_set(e, ERR_INVALID, "unsupported manifest media type: %.200s", type);
	/* A document that reads as both would be two images under one digest. */
	if (is_index_type(type) ? (t->config || t->layers.n) : t->manifests.n > 0)
		return err_set(e, ERR_INVALID, "invalid manifest: an image and an index at once");
	*ret = type;
	return 0;
}

int manifest_parse(struct str text, const char *content_type, struct arena *a, struct manifest *ret,
		   struct err *e)
{
	struct manifest_text t;
	struct manifest m = {0};
	int rc = shape_decode_text(&shape_manifest, text, a, &t, e);

	if (rc < 0)
		return err_wrap(e, "invalid manifest");
	rc = find_type(&t, content_type, &m.media_type, e);
	if (rc < 0)
		return rc;
	m.index = is_index_type(m.media_type);
	if (m.index) {
		rc = take_entries(&t.manifests, MANIFEST_ENTRIES_MAX, a, &m, e);
	} else {
		if (!t.config)
			return err_set(e, ERR_INVALID, "invalid manifest: no configuration");
		rc = take_descriptor(t.config, a, &m.config, e);
		if (rc == 0 && !is_config_type(m.config.media_type))
			return err_set(e, ERR_INVALID,
				       "not a container image: its configuration is %.200s",
				       m.config.media_type);
		if (rc == 0)
			rc = take_entries(&t.layers, CONFIG_IMAGE_LAYERS_MAX, a, &m, e);
	}
	if (rc == 0)
		*ret = m;
	return rc;
}

static void write_descriptor(struct json_writer *w, const char *type, const char *suffix,
			     const struct digest *digest, uint64_t size)
{
	char full[128];

	snprintf(full, sizeof(full), "%s%s", type, suffix);
	json_object_open(w);
	json_kv_text(w, "mediaType", full);
	json_kv_text(w, "digest", digest->text);
	json_kv_i64(w, "size", (int64_t)size);
	json_object_close(w);
}

void manifest_write(struct buf *out, const struct digest *config, uint64_t config_size,
		    const struct manifest_layer *layers, size_t n)
{
	struct json_writer w;

	json_begin(&w, out);
	json_object_open(&w);
	json_kv_i64(&w, "schemaVersion", 2);
	json_kv_text(&w, "mediaType", TYPE_OCI_MANIFEST);
	json_key(&w, "config");
	write_descriptor(&w, TYPE_OCI_CONFIG, "", config, config_size);
	json_key(&w, "layers");
	json_array_open(&w);
	for (size_t i = 0; i < n; i++)
		write_descriptor(&w, TYPE_OCI_LAYER, layers[i].suffix, &layers[i].digest,
				 layers[i].size);
	json_array_close(&w);
	json_object_close(&w);
}

/* --- platforms --- */

#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#define HOST_VARIANT ""
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#define HOST_VARIANT ""
#elif defined(__arm__)
#define HOST_ARCHITECTURE "arm"
#define HOST_VARIANT "v7"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCHITECTURE "riscv64"
#define HOST_VARIANT ""
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HOST_ARCHITECTURE "ppc64le"
#define HOST_VARIANT ""
#elif defined(__s390x__)
#define HOST_ARCHITECTURE "s390x"
#define HOST_VARIANT ""
#elif defined(__i386__)
#define HOST_ARCHITECTURE "386"
#define HOST_VARIANT ""
#else
#error "name this architecture as images do"
#endif

const struct platform *platform_host(void)
{
	static const struct platform host = {"linux", HOST_ARCHITECTURE, HOST_VARIANT};

	return &host;
}

static const struct alias {
	const char *alias, *architecture, *variant; /* variant NULL: as given */
} aliases[] = {
	{"aarch64", "arm64", NULL}, {"armel", "arm", "v6"},    {"armhf", "arm", "v7"},
	{"i386", "386", NULL},	    {"x86-64", "amd64", NULL}, {"x86_64", "amd64", NULL},
};

/* The usual name, and the variant that goes without saying left out (arm: put in). */
static const char *normal_architecture(const char *arch, const char **variant)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcmp(arch, aliases[i].alias))
			continue;
		arch = aliases[i].architecture;
		if (aliases[i].variant)
			*variant = aliases[i].variant;
		break;
	}
	if (!strcmp(arch, "arm64") && (!strcmp(*variant, "v8") || !strcmp(*variant, "8")))
		*variant = "";
	else if (!strcmp(arch, "amd64") && !strcmp(*variant, "v1"))
		*variant = "";
	else if (!strcmp(arch, "arm") && !(*variant)[0])
		*variant = "v7";
	return arch;
}

#define NAME_PATTERN "^[A-Za-z0-9_.-]+$"
#define OS_PATTERN "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$"

static bool is_known(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool is_known_os(const char *name)
{
	static const char *const names[] = {
		"aix",	   "android", "darwin",	 "dragonfly", "freebsd", "hurd",
		"illumos", "ios",     "js",	 "linux",     "nacl",	 "netbsd",
		"openbsd", "plan9",   "solaris", "wasip1",    "windows", "zos",
	};

	return is_known(name, names, ARRAY_LEN(names));
}

static bool is_known_architecture(const char *name)
{
	static const char *const names[] = {
		"386",	       "amd64",	  "amd64p32", "arm",	"arm64",    "arm64be",
		"armbe",       "loong64", "mips",     "mips64", "mips64le", "mips64p32",
		"mips64p32le", "mipsle",  "ppc",      "ppc64",	"ppc64le",  "riscv",
		"riscv64",     "s390",	  "s390x",    "sparc",	"sparc64",  "wasm",
	};

	return is_known(name, names, ARRAY_LEN(names));
}

static bool is_name(struct str s, bool dots)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-' || (dots && c == '.')))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

/* One word: a system for this architecture, or an architecture for Linux. */
static int parse_word(const char *text, char *word, struct platform *ret, struct err *e)
{
	if (is_known_os(word)) {
		*ret = (struct platform){word, platform_host()->architecture,
					 platform_host()->variant};
		return 0;
	}
	ret->os = "linux";
	ret->variant = "";
	ret->architecture = normal_architecture(word, &ret->variant);
	if (is_known_architecture(ret->architecture))
		return 0;
	return err_set(e, ERR_INVALID,
		       "\"%.100s\": unknown operating system or architecture: invalid argument",
		       text);
}

static char *lower_copy(struct arena *a, struct str s)
{
	char *copy = arena_strndup(a, s.p, s.n);

	for (char *p = copy; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return copy;
}

int platform_parse(const char *text, struct arena *a, struct platform *ret, struct err *e)
{
	struct str rest = str_from(text);
	char *parts[3] = {NULL, NULL, NULL};
	size_t n = 0;
	bool more = true;

	if (strchr(text, '*'))
		return err_set(e, ERR_INVALID,
			       "\"%.100s\": wildcards not yet supported: invalid argument", text);
	for (; more; n++) {
		const char *slash = memchr(rest.p, '/', rest.n);
		struct str part = slash ? str_cut(rest, '/', &rest) : rest;

		more = slash != NULL;
		if (n >= 3)
			return err_set(
				e, ERR_INVALID,
				"\"%.100s\": cannot parse platform specifier: invalid argument",
				text);
		if (!is_name(part, n > 0))
			return err_set(
				e, ERR_INVALID,
				"\"%.*s\" is an invalid %scomponent of \"%.100s\": %s specifier "
				"component must match \"%s\": invalid argument",
				(int)MIN(part.n, 64), part.p, n ? "" : "OS ", text,
				n ? "platform" : "OSAndVersion", n ? NAME_PATTERN : OS_PATTERN);
		parts[n] = lower_copy(a, part);
		if (!parts[n])
			return err_sys(e, ENOMEM, "read a platform");
	}
	if (!strcmp(parts[0], "macos"))
		parts[0] = "darwin";
	if (n == 1)
		return parse_word(text, parts[0], ret, e);
	ret->os = parts[0];
	ret->variant = n > 2 ? parts[2] : "";
	ret->architecture = normal_architecture(parts[1], &ret->variant);
	return 0;
}

void platform_write(char out[PLATFORM_TEXT_MAX], const struct platform *p)
{
	text_format(out, PLATFORM_TEXT_MAX, "%s/%s%s%s", p->os, p->architecture,
		    p->variant[0] ? "/" : "", p->variant);
}

unsigned platform_match(const struct platform *want, const struct platform *made)
{
	if (strcmp(want->os, made->os) || strcmp(want->architecture, made->architecture))
		return 0;
	if (!strcmp(want->variant, made->variant))
		return 100;
	if (!made->variant[0])
		return 50;
	/* v5 runs on v6 runs on v7; v2 on v3. */
	if (want->variant[0] == 'v' && made->variant[0] == 'v' &&
	    made->variant[1] < want->variant[1] && made->variant[1] > '0')
		return (unsigned)(made->variant[1] - '0');
	return 0;
}

int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct err *e)
{
	const struct descriptor *best = NULL;
	unsigned best_score = 0;

	for (size_t i = 0; i < index->n_entries; i++) {
		const struct descriptor *d = &index->entries[i];
		unsigned score = d->platform ? platform_match(want, d->platform) : 0;

		if (score > best_score) {
			best = d;
			best_score = score;
		}
	}
	if (!best)
		return err_set(e, ERR_NOT_FOUND,
			       "no matching manifest for %s/%s%s%s in the manifest list entries",
			       want->os, want->architecture, want->variant[0] ? "/" : "",
			       want->variant);
	*ret = best;
	return 0;
}
