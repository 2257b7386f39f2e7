/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes and platforms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/image/manifest.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define DESC(type, c) "{\"mediaType\":\"" type "\",\"size\":7,\"digest\":\"" D(c) "\"}"
#define PART_OF_CONFIG "\"config\":" DESC(TYPE_DOCKER_CONFIG, "0123")
#define LAYER_PART "\"layers\":[" DESC("x/tar.gzip", "4567") "," DESC("x/tar", "89ab") "]"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_open_heap(&arena, 8u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void test_image(void **state)
{
	struct manifest m;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
		manifest_parse(STR("{\"schemaVersion\":2,\"mediaType\":\"" TYPE_DOCKER_MANIFEST
				   "\"," PART_OF_CONFIG "," LAYER_PART "}"),
			       NULL, &arena, &m, &e),
		0);
	assert_false(m.index);
	assert_string_equal(m.media_type, TYPE_DOCKER_MANIFEST);
	assert_string_equal(m.config.digest.text, D("0123"));
	assert_int_equal(m.n_entries, 2);
	assert_string_equal(m.entries[1].digest.text, D("89ab"));
	assert_int_equal(m.entries[1].size, 7);
	/* OCI may leave its type out; the header has it. */
	assert_int_equal(
		manifest_parse(STR("{\"schemaVersion\":2," PART_OF_CONFIG ",\"layers\":[]}"),
			       TYPE_OCI_MANIFEST, &arena, &m, &e),
		0);
	assert_string_equal(m.media_type, TYPE_OCI_MANIFEST);
}

static const char *const refused[] = {
	"",
	"[]",
	"{}",
	"{\"schemaVersion\":1,\"fsLayers\":[]}",
	"{\"schemaVersion\":2}",
	"{\"schemaVersion\":2,\"mediaType\":\"text/html\"," PART_OF_CONFIG "}",
	"{\"schemaVersion\":2," PART_OF_CONFIG ",\"layers\":[{\"digest\":\"sha256:12\"}]}",
	"{\"schemaVersion\":2," PART_OF_CONFIG ",\"layers\":{}}",
	"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
	"vnd.cncf.helm.config.v1+json\","
	"\"digest\":\"" D("0123") "\"},\"layers\":[]}",
	/* an image and an index under one digest */
	"{\"schemaVersion\":2," PART_OF_CONFIG
	",\"layers\":[],\"manifests\":[" DESC("x", "4567") "]}",
	"{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\"," PART_OF_CONFIG
	",\"manifests\":[]}",
	"{\"schemaVersion\":2,\"config\":{\"size\":-1,\"digest\":\"" D("0123") "\"},\"layers\":[]}",
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct manifest m;
		struct err e = ERR_INIT;

		if (manifest_parse(str_from(refused[i]), NULL, &arena, &m, &e) == 0)
			fail_msg("taken: %s", refused[i]);
		assert_true(e.msg[0]);
	}
}

static void test_too_many_layers(void **state)
{
	struct manifest m;
	struct err e = ERR_INIT;
	struct buf b;

	(void)state;
	buf_init(&b, &arena, 1u << 20);
	buf_puts(&b, "{\"schemaVersion\":2," PART_OF_CONFIG ",\"layers\":[");
	for (int i = 0; i <= CONFIG_IMAGE_LAYERS_MAX; i++)
		buf_printf(&b, "%s%s", i ? "," : "", DESC("x", "4567"));
	buf_puts(&b, "]}");
	assert_int_equal(manifest_parse(buf_str(&b), NULL, &arena, &m, &e), -E2BIG);
}

#define ENTRY(c, os, arch, more)                                                                   \
	"{\"mediaType\":\"" TYPE_OCI_MANIFEST                                                      \
	"\",\"size\":7,\"digest\":\"" D(c) "\",\"platform\":{"                                     \
					   "\"os\":\"" os "\",\"architecture\":\"" arch "\"" more  \
					   "}}"

static const char index_text
	[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY("0000", "unknown", "unknown", "") "," ENTRY("1111", "linux", "arm", ",\"variant\":\"v6\"") "," ENTRY(
		"2222", "linux", "arm",
		",\"variant\":\"v7\"") "," ENTRY("3333", "linux", "arm64",
						 ",\"variant\":\"v8\"") "," ENTRY("4444", "linux",
										  "amd64",
										  ",\"variant\":"
										  "\"v3\"") "," ENTRY("5555",
												      "linux",
												      "amd64",
												      "") "," ENTRY("6666",
														    "windows",
														    "amd64",
														    "") "]}";

static const struct choice {
	const char *platform, *digest;
} choices[] = {
	{"linux/amd64", D("5555")},    {"linux/x86_64", D("5555")}, {"linux/amd64/v3", D("4444")},
	{"linux/amd64/v2", D("5555")}, {"linux/arm64", D("3333")},  {"linux/arm64/v8", D("3333")},
	{"linux/aarch64", D("3333")},  {"linux/arm", D("2222")},    {"linux/arm/v7", D("2222")},
	{"linux/arm/v6", D("1111")},   {"linux/armhf", D("2222")},  {"arm64", D("3333")},
	{"linux/arm/v5", NULL},	       {"linux/s390x", NULL},	    {"windows/amd64", D("6666")},
};

static void test_choose(void **state)
{
	struct manifest m;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(manifest_parse(str_from(index_text), TYPE_OCI_INDEX, &arena, &m, &e), 0);
	assert_true(m.index);
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		const struct descriptor *d = NULL;
		struct platform want;
		int rc;

		assert_int_equal(platform_parse(choices[i].platform, &arena, &want, &e), 0);
		rc = manifest_choose(&m, &want, &d, &e);
		if (!choices[i].digest) {
			assert_int_equal(rc, -ENOENT);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(d->digest.text, choices[i].digest);
	}
	assert_non_null(
		strstr(e.msg, "no matching manifest for linux/s390x in the manifest list entries"));
}

static void test_platform_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "\"\" is an invalid OS component of \"\": OSAndVersion specifier component "
		     "must match"},
		{"/", "\"\" is an invalid OS component of \"/\": "},
		{"linux/",
		 "\"\" is an invalid component of \"linux/\": platform specifier component must "
		 "match \"^[A-Za-z0-9_.-]+$\": invalid argument"},
		{"linux/a/b/c",
		 "\"linux/a/b/c\": cannot parse platform specifier: invalid argument"},
		{"li nux/amd64", "\"li nux\" is an invalid OS component of \"li nux/amd64\": "},
		{"linux//v7", "\"\" is an invalid component of \"linux//v7\": "},
		{"linux/*", "\"linux/*\": wildcards not yet supported: invalid argument"},
		{"foobar",
		 "\"foobar\": unknown operating system or architecture: invalid argument"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;
		struct platform p;

		assert_int_equal(platform_parse(bad[i].text, &arena, &p, &e), -EINVAL);
		if (strncmp(e.msg, bad[i].says, strlen(bad[i].says)))
			fail_msg("\"%s\": %s", bad[i].text, e.msg);
	}
}

static void test_platform_written(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"linux/arm", "linux/arm/v7"},
		{"x86_64", "linux/amd64"},
		{"Linux/ARM64", "linux/arm64"},
		{"macos/arm64", "darwin/arm64"},
		{"windows/amd64/v3", "windows/amd64/v3"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[PLATFORM_TEXT_MAX];
		struct platform p;

		assert_int_equal(platform_parse(cases[i].text, &arena, &p, NULL), 0);
		platform_write(text, &p);
		assert_string_equal(text, cases[i].written);
	}
}

static void test_written(void **state)
{
	struct manifest_layer layers[2] = {{.size = 5, .suffix = "+gzip"},
					   {.size = 6, .suffix = ""}};
	struct digest config;
	struct manifest m;
	struct err e = ERR_INIT;
	struct buf b;

	(void)state;
	digest_of("c", 1, &config);
	digest_of("a", 1, &layers[0].digest);
	digest_of("b", 1, &layers[1].digest);
	buf_init(&b, &arena, 65536);
	manifest_write(&b, &config, 3, layers, 2);
	assert_int_equal(manifest_parse(buf_str(&b), NULL, &arena, &m, &e), 0);
	assert_string_equal(m.config.digest.text, config.text);
	assert_string_equal(m.entries[0].media_type, TYPE_OCI_LAYER "+gzip");
	assert_string_equal(m.entries[1].media_type, TYPE_OCI_LAYER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_platform_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_platform_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_written, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
