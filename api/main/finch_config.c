/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nerdctl's configuration keys, which Finch Daemon reads, and what becomes of them here. The table
 * holds every key that nerdctl knows: what is not in it stops the daemon, as it does there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/main/finch.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/fmt/toml.h"

#define TOML_FILE_MAX (1u << 20)

struct config {
	struct daemon_options *opt;
	struct arena *a;
	struct err *e;
};

static int no_memory(struct config *c)
{
	return err_set(c->e, ERR_UNAVAILABLE, "no memory for the options");
}

static int append(struct config *c, struct texts *list, const struct toml_item *item)
{
	for (size_t i = 0; i < item->n_texts; i++)
		if (option_append(list, item->texts[i], c->a) < 0)
			return no_memory(c);
	return 0;
}

static int take_debug(struct config *c, const struct toml_item *item)
{
	c->opt->debug |= item->yes;
	return 0;
}

/* nerdctl's own files stand in there, in folders named by eight hex digits. */
static int take_data_root(struct config *c, const struct toml_item *item)
{
	c->opt->engine.data_root = arena_printf(c->a, "%s/serin", item->text);
	return c->opt->engine.data_root ? 0 : no_memory(c);
}

static int take_snapshotter(struct config *c, const struct toml_item *item)
{
	if (!strcmp(item->text, "overlayfs"))
		c->opt->engine.storage_driver = "overlay2";
	else if (!strcmp(item->text, "native") && CONFIG(VFS))
		c->opt->engine.storage_driver = "vfs";
	else
		log_warn("snapshotter %s is not used: layers are kept by overlay2 or vfs",
			 item->text);
	return 0;
}

static int take_cgroup_manager(struct config *c, const struct toml_item *item)
{
	if (strcmp(item->text, "cgroupfs") != 0 && strcmp(item->text, "systemd") != 0 &&
	    strcmp(item->text, "none") != 0)
		return err_set(c->e, ERR_INVALID, "unknown cgroup_manager \"%s\"", item->text);
	if (strcmp(item->text, "cgroupfs") != 0)
		log_info("cgroup_manager %s: cgroups are made by cgroupfs", item->text);
	return 0;
}

static int take_insecure(struct config *c, const struct toml_item *item)
{
	if (item->yes && option_append(&c->opt->engine.insecure_registries, "*", c->a) < 0)
		return no_memory(c);
	return 0;
}

/* The first that is there: the engine looks into one. */
static int take_hosts_dir(struct config *c, const struct toml_item *item)
{
	for (size_t i = 0; i < item->n_texts; i++)
		if (access(item->texts[i], F_OK) == 0) {
			c->opt->engine.certs_dir = item->texts[i];
			break;
		}
	return 0;
}

static int take_bridge_ip(struct config *c, const struct toml_item *item)
{
	if (*item->text)
		c->opt->engine.bip = item->text;
	return 0;
}

static int take_cdi(struct config *c, const struct toml_item *item)
{
	return append(c, &c->opt->engine.cdi_spec_dirs, item);
}

static int take_dns(struct config *c, const struct toml_item *item)
{
	return append(c, &c->opt->engine.dns, item);
}

static int take_dns_opts(struct config *c, const struct toml_item *item)
{
	return append(c, &c->opt->engine.dns_opts, item);
}

static int take_dns_search(struct config *c, const struct toml_item *item)
{
	return append(c, &c->opt->engine.dns_search, item);
}

static const struct key {
	const char *name;
	enum toml_kind kind;
	int (*take)(struct config *c, const struct toml_item *item); /* NULL: no meaning here */
} keys[] = {
	{"address", TOML_TEXT, NULL},
	{"bridge_ip", TOML_TEXT, take_bridge_ip},
	{"cdi_spec_dirs", TOML_TEXTS, take_cdi},
	{"cgroup_manager", TOML_TEXT, take_cgroup_manager},
	{"cni_netconfpath", TOML_TEXT, NULL},
	{"cni_path", TOML_TEXT, NULL},
	{"data_root", TOML_TEXT, take_data_root},
	{"debug", TOML_BOOL, take_debug},
	{"debug_full", TOML_BOOL, take_debug},
	{"dns", TOML_TEXTS, take_dns},
	{"dns_opts", TOML_TEXTS, take_dns_opts},
	{"dns_search", TOML_TEXTS, take_dns_search},
	{"experimental", TOML_BOOL, NULL},
	{"host_gateway_ip", TOML_TEXT, NULL},
	{"hosts_dir", TOML_TEXTS, take_hosts_dir},
	{"insecure_registry", TOML_BOOL, take_insecure},
	{"kube_hide_dupe", TOML_BOOL, NULL},
	{"namespace", TOML_TEXT, NULL},
	{"snapshotter", TOML_TEXT, take_snapshotter},
	{"userns_remap", TOML_TEXT, NULL},
};

static int take_item(struct config *c, const struct toml_item *item)
{
	static const char *const kinds[] = {
		[TOML_TEXT] = "a string",
		[TOML_INTEGER] = "a number",
		[TOML_BOOL] = "true or false",
		[TOML_TEXTS] = "an array of strings",
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, item->key) != 0)
			continue;
		if (keys[i].kind != item->kind)
			return err_set(c->e, ERR_INVALID, "line %u: %s must be %s", item->line,
				       item->key, kinds[keys[i].kind]);
		if (!keys[i].take) {
			log_info("%s has no meaning without containerd", item->key);
			return 0;
		}
		return keys[i].take(c, item);
	}
	return err_set(c->e, ERR_INVALID, "line %u: unknown key %s", item->line, item->key);
}

int finch_read_config(struct str text, struct arena *a, struct daemon_options *ret, struct err *e)
{
	struct config c = {ret, a, e};
	struct toml_item *items;
	size_t n;

	if (toml_parse(text, a, &items, &n, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < n; i++)
		if (take_item(&c, &items[i]) < 0)
			return err_code(e);
	return 0;
}

static int read_file(const struct finch_options *flags, struct arena *a, struct daemon_options *ret,
		     struct err *e)
{
	const char *env = getenv("NERDCTL_TOML");
	const char *path = !flags->config_given && env && *env ? env : flags->config_file;
	struct str text;
	int r = file_read_at(AT_FDCWD, path, TOML_FILE_MAX, a, &text, e);

	if (r == -ENOENT) {
		log_debug("no configuration file %s", path);
		err_clear(e);
		return 0;
	}
	if (r < 0 || finch_read_config(text, a, ret, e) < 0)
		return err_wrap(e, "failed to load daemon config (\"%s\")", path);
	return 0;
}

int finch_fill_options(const struct finch_options *flags, struct arena *a,
		       struct daemon_options *ret, struct err *e)
{
	bool activated = !strcmp(flags->socket_addr, "fd://");
	const char *host =
		activated ? flags->socket_addr : arena_printf(a, "unix://%s", flags->socket_addr);

	if (!host || option_append(&ret->hosts, host, a) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	if (activated && flags->socket_owner != -1)
		return err_set(e, ERR_INVALID,
			       "failed to create a listener: socket-owner is not supported while "
			       "using socket activation using fd://");
	ret->finch = flags;
	ret->pidfile = flags->pidfile;
	ret->group = "";
	ret->debug = flags->debug;
	ret->engine.data_root = FINCH_DATA_ROOT "/serin";
	if (read_file(flags, a, ret, e) < 0)
		return err_code(e);
	if (*flags->debug_addr && CONFIG(METRICS)) {
		log_info("--debug-addr %s: metrics are served there", flags->debug_addr);
		ret->metrics_addr = flags->debug_addr;
	} else if (*flags->debug_addr) {
		log_warn("--debug-addr %s: not served (CONFIG_METRICS)", flags->debug_addr);
	}
	return options_fill(ret, a, e);
}
