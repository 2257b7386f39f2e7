/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/mount_mode.h"

static const struct {
	const char *word;
	enum mount_mode_class class;
} mode_words[] = {
	{"rw", MODE_RW},
	{"ro", MODE_RW},
	{"z", MODE_LABEL},
	{"Z", MODE_LABEL},
	{"private", MODE_PROPAGATION},
	{"rprivate", MODE_PROPAGATION},
	{"shared", MODE_PROPAGATION},
	{"rshared", MODE_PROPAGATION},
	{"slave", MODE_PROPAGATION},
	{"rslave", MODE_PROPAGATION},
	{"nocopy", MODE_COPY},
	{"consistent", MODE_CONSISTENCY},
	{"cached", MODE_CONSISTENCY},
	{"delegated", MODE_CONSISTENCY},
};

bool mount_mode_parse(struct str text, struct mount_mode *ret)
{
	*ret = (struct mount_mode){0};
	while (text.p && text.n) {
		bool more = str_find(text, ',') >= 0;
		struct str word = str_cut(text, ',', &text);
		size_t i = 0;

		while (i < ARRAY_LEN(mode_words) && !str_eqz(word, mode_words[i].word))
			i++;
		if (i == ARRAY_LEN(mode_words) || ret->words[mode_words[i].class] ||
		    (more && !text.n))
			return false;
		ret->words[mode_words[i].class] = mode_words[i].word;
	}
	return true;
}

bool mount_mode_is_rw(const struct mount_mode *m)
{
	return !m->words[MODE_RW] || strcmp(m->words[MODE_RW], "ro") != 0;
}

bool mount_mode_is_propagation(const char *word)
{
	struct mount_mode m;

	return mount_mode_parse(str_from(word), &m) && m.words[MODE_PROPAGATION];
}
