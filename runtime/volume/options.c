/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the local driver (type, device, o, size) and of mount: what may be said, and what
 * it means to the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>

#include "runtime/volume/private.h"

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

static const char *const known[] = {"type", "o", "device", "size"};
/* An option and what it needs beside it. */
static const char *const needs[][2] = {
	{"device", "type"}, {"type", "device"}, {"o", "device"}, {"o", "type"}};

static const struct {
	const char *name;
	unsigned long flag;
	bool clear;
} flags[] = {
	{"defaults", 0, false},
	{"ro", MS_RDONLY, false},
	{"rw", MS_RDONLY, true},
	{"suid", MS_NOSUID, true},
	{"nosuid", MS_NOSUID, false},
	{"dev", MS_NODEV, true},
	{"nodev", MS_NODEV, false},
	{"exec", MS_NOEXEC, true},
	{"noexec", MS_NOEXEC, false},
	{"sync", MS_SYNCHRONOUS, false},
	{"async", MS_SYNCHRONOUS, true},
	{"dirsync", MS_DIRSYNC, false},
	{"remount", MS_REMOUNT, false},
	{"mand", MS_MANDLOCK, false},
	{"nomand", MS_MANDLOCK, true},
	{"atime", MS_NOATIME, true},
	{"noatime", MS_NOATIME, false},
	{"diratime", MS_NODIRATIME, true},
	{"nodiratime", MS_NODIRATIME, false},
	{"bind", MS_BIND, false},
	{"rbind", MS_BIND | MS_REC, false},
	{"relatime", MS_RELATIME, false},
	{"norelatime", MS_RELATIME, true},
	{"strictatime", MS_STRICTATIME, false},
	{"nostrictatime", MS_STRICTATIME, true},
	{"lazytime", MS_LAZYTIME, false},
};
static const struct {
	const char *name;
	unsigned long flag;
} propagations[] = {
	{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
	{"shared", MS_SHARED},	       {"rshared", MS_SHARED | MS_REC},
	{"slave", MS_SLAVE},	       {"rslave", MS_SLAVE | MS_REC},
	{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i], key))
			return true;
	return false;
}

int volume_check_options(const struct text_map *options, struct err *e)
{
	const char *o = text_map_get(options, "o");

	for (size_t i = 0; i < options->n; i++)
		if (!is_known(options->items[i].key))
			return err_set(e, ERR_INVALID, "invalid option: \"%s\"",
				       options->items[i].key);
	if (text_map_get(options, "size"))
		return err_set(e, ERR_INVALID, "quota size requested but no quota support");
	for (size_t i = 0; i < ARRAY_LEN(needs); i++)
		if (text_map_get(options, needs[i][0]) && !text_map_get(options, needs[i][1]))
			return err_set(e, ERR_INVALID, "missing required option: \"%s\"",
				       needs[i][1]);
	if (o && strlen(o) >= VOLUME_OPTIONS_MAX)
		return err_set(e, ERR_INVALID, "the mount options are too long");
	return 0;
}

static bool take_flag(struct str word, struct volume_mount_plan *plan)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (!str_eqz(word, flags[i].name))
			continue;
		if (flags[i].clear)
			plan->flags &= ~flags[i].flag;
		else
			plan->flags |= flags[i].flag;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		if (!str_eqz(word, propagations[i].name))
			continue;
		plan->propagation |= propagations[i].flag;
		return true;
	}
	return false;
}

int volume_parse_mount(const char *o, struct volume_mount_plan *ret, struct err *e)
{
	struct str rest = str_from(o);
	struct buf data;

	ret->flags = ret->propagation = 0;
	ret->data[0] = '\0';
	buf_init_fixed(&data, ret->data, sizeof(ret->data));
	while (rest.n) {
		struct str word = str_cut(rest, ',', &rest);

		if (!word.n || take_flag(word, ret))
			continue;
		if (data.n)
			buf_putc(&data, ',');
		buf_put_str(&data, word);
	}
	if (data.failed)
		return err_set(e, ERR_INVALID, "the mount options are too long");
	return 0;
}
