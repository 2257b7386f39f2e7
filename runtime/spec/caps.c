/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>

#include "runtime/spec/private.h"

/* By number, as the kernel counts them. */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

/* What a container gets unless told: the engine's list, by number. */
#define CAPS_DEFAULT                                                                               \
	(CAP_BIT(0) | CAP_BIT(1) | CAP_BIT(3) | CAP_BIT(4) | CAP_BIT(5) | CAP_BIT(6) |             \
	 CAP_BIT(7) | CAP_BIT(8) | CAP_BIT(10) | CAP_BIT(13) | CAP_BIT(18) | CAP_BIT(27) |         \
	 CAP_BIT(29) | CAP_BIT(31))

int caps_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_ieqz(name, names[i]))
			return (int)i;
	}
	return -1;
}

uint64_t caps_all(void)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			caps |= CAP_BIT(i);
	}
	return caps;
}

static int parse(const struct texts *list, const char *field, uint64_t *ret, bool *ret_all,
		 struct err *e)
{
	*ret = 0;
	*ret_all = false;
	for (size_t i = 0; i < list->n; i++) {
		struct str name = str_from(list->items[i]);
		char full[40];
		int cap = -1;

		if (str_ieqz(name, "ALL") || str_ieqz(name, "CAP_ALL")) {
			*ret_all = true;
			continue;
		}
		if (name.n < sizeof(full) - 4) {
			bool prefixed = name.n > 4 && str_ieqz(str_span(name.p, 4), "CAP_");
			struct buf b;

			buf_init_fixed(&b, full, sizeof(full));
			buf_printf(&b, "%s" STR_FMT, prefixed ? "" : "CAP_", STR_ARG(name));
			for (size_t k = 0; k < b.n; k++) {
				if (full[k] >= 'a' && full[k] <= 'z')
					full[k] = (char)(full[k] - 'a' + 'A');
			}
			name = buf_str(&b);
			cap = caps_find(name);
		}
		if (cap < 0)
			return err_set(e, ERR_INVALID,
				       "invalid %s: unknown capability: \"" STR_FMT "\"", field,
				       STR_ARG(name));
		*ret |= CAP_BIT(cap);
	}
	return 0;
}

int caps_resolve(const struct host_config *host, uint64_t *ret, struct err *e)
{
	uint64_t add, drop;
	bool add_all, drop_all;
	int r = parse(&host->cap_add, "CapAdd", &add, &add_all, e);

	if (r == 0)
		r = parse(&host->cap_drop, "CapDrop", &drop, &drop_all, e);
	if (r < 0)
		return r;
	if (host->privileged)
		*ret = caps_all();
	else if (drop_all)
		*ret = add_all ? caps_all() : add;
	else if (add_all)
		*ret = caps_all() & ~drop;
	else
		*ret = (CAPS_DEFAULT & ~drop) | add;
	return 0;
}

static void write_set(struct json_writer *w, const char *key, uint64_t caps)
{
	json_key(w, key);
	json_array_open(w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (caps & CAP_BIT(i))
			json_put_text(w, names[i]);
	}
	json_array_close(w);
}

void caps_write(struct json_writer *w, uint64_t caps, bool root)
{
	json_key(w, "capabilities");
	json_object_open(w);
	write_set(w, "bounding", caps);
	if (root) {
		write_set(w, "effective", caps);
		write_set(w, "permitted", caps);
	}
	json_object_close(w);
}
