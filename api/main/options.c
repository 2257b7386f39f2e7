/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line options. The table below is the only place that knows them: parsing, the
 * configuration file, --help and the check for a value given twice all read it.
 */
#include "api/main/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/log.h"
#include "firmware/net/socket.h"
#include "runtime/container/log_options.h"

#define AT(member) (uint16_t) offsetof(struct daemon_options, member)

const struct option option_table[] = {
	{"add-runtime", 0, NULL, OPTION_LIST, AT(runtimes), "name=path", "Register an OCI runtime"},
	{"auto-pull", 0, "auto-pull", OPTION_BOOL, AT(engine.auto_pull), NULL,
	 "Creating a container pulls its image when it is missing"},
	{"bip", 0, "bip", OPTION_TEXT, AT(engine.bip), "cidr",
	 "Address of the default bridge (172.17.0.1/16)"},
	{"bridge", 'b', "bridge", OPTION_TEXT, AT(engine.bridge), "name",
	 "Bridge interface of the default network (docker0), or none"},
	{"cdi-spec-dir", 0, "cdi-spec-dirs", OPTION_LIST, AT(engine.cdi_spec_dirs), "path",
	 "Directory of device descriptions (repeatable; /etc/cdi and /var/run/cdi; \"\": none)"},
	{"cgroup-parent", 0, "cgroup-parent", OPTION_TEXT, AT(engine.cgroup_parent), "path",
	 "Parent cgroup of all containers (docker)"},
	{"config-file", 0, NULL, OPTION_TEXT, AT(config_file), "path",
	 "Configuration file (" DAEMON_FILE_DEFAULT ")"},
	{"data-root", 0, "data-root", OPTION_TEXT, AT(engine.data_root), "path",
	 "Where images and containers are kept (/var/lib/serin)"},
	{"debug", 'D', "debug", OPTION_BOOL, AT(debug), NULL, "Log at level debug"},
	{"default-runtime", 0, "default-runtime", OPTION_TEXT, AT(engine.default_runtime), "name",
	 "OCI runtime of containers that name none (runc)"},
	{"dns", 0, "dns", OPTION_LIST, AT(engine.dns), "address", "Name server of containers"},
	{"dns-opt", 0, "dns-opts", OPTION_LIST, AT(engine.dns_opts), "option",
	 "Resolver option of containers"},
	{"dns-search", 0, "dns-search", OPTION_LIST, AT(engine.dns_search), "domain",
	 "Search domain of containers"},
	{"exec-root", 0, "exec-root", OPTION_TEXT, AT(engine.exec_root), "path",
	 "Where the state of running containers is kept (/run/serin)"},
	{"group", 'G', "group", OPTION_TEXT, AT(group), "name",
	 "Group that owns the Unix sockets (docker)"},
	{"help", 0, NULL, OPTION_BOOL, AT(help), NULL, "Print this text"},
	{"host", 'H', "hosts", OPTION_LIST, AT(hosts), "address",
	 "Listen on unix://PATH, vsock://[CID]:PORT or fd:// (repeatable; " HOST_DEFAULT ")"},
	{"insecure-registry", 0, "insecure-registries", OPTION_LIST, AT(engine.insecure_registries),
	 "host", "Registry that is spoken to without TLS verification, or in plain"},
	{"label", 0, "labels", OPTION_LIST, AT(engine.labels), "key=value", "Label of this engine"},
	{"log-driver", 0, "log-driver", OPTION_TEXT, AT(engine.default_log_driver), "name",
	 CONFIG(LOG_JSON) ? "Log driver of containers that name none (json-file)"
			  : "Log driver of containers that name none (none)"},
	{"log-level", 'l', "log-level", OPTION_TEXT, AT(log_level), "level",
	 "debug, info, warn, error or fatal (info)"},
	{"log-opt", 0, NULL, OPTION_LIST, AT(log_opts), "key=value",
	 "Option of the default log driver"},
	{"metrics-addr", 0, "metrics-addr", OPTION_TEXT, AT(metrics_addr), "address:port",
	 "Show metrics to Prometheus there (off)"},
	{"pidfile", 'p', "pidfile", OPTION_TEXT, AT(pidfile), "path",
	 "Where the process id is written (/run/serind.pid)"},
	{"registry-mirror", 0, "registry-mirrors", OPTION_LIST, AT(engine.registry_mirrors), "url",
	 "Mirror that is asked before docker.io"},
	{"runtime", 0, NULL, OPTION_TEXT, AT(engine.default_runtime), "name",
	 "The same as --default-runtime"},
	{"storage-driver", 's', "storage-driver", OPTION_TEXT, AT(engine.storage_driver), "name",
	 "overlay2 or vfs (overlay2 where the kernel mounts it)"},
	{"validate", 0, NULL, OPTION_BOOL, AT(validate), NULL,
	 "Check the options and the configuration file, then end"},
	{"version", 'v', NULL, OPTION_BOOL, AT(version), NULL, "Print the version"},
	{"vsock-cid", 0, "vsock-cids", OPTION_LIST, AT(vsock_cids), "cid",
	 "Peer that may connect by vsock (repeatable; 2, the host)"},
};
const size_t option_count = ARRAY_LEN(option_table);

int option_append(struct texts *list, const char *value, struct arena *a)
{
	const char **grown = arena_alloc_array(a, list->n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	if (list->n)
		memcpy(grown, list->items, list->n * sizeof(*grown));
	grown[list->n] = value;
	*list = (struct texts){grown, list->n + 1, true};
	return 0;
}

int option_set(const struct option *o, struct daemon_options *opt, struct str value,
	       struct arena *a, struct err *e)
{
	void *slot = (char *)opt + o->offset;
	char *copy;

	if (o->kind == OPTION_BOOL) {
		bool on = str_eqz(value, "true") || str_eqz(value, "1");

		if (!on && !str_eqz(value, "false") && !str_eqz(value, "0"))
			return err_set(e, ERR_INVALID,
				       "invalid argument \"" STR_FMT
				       "\" for \"--%s\" flag: not true or false",
				       STR_ARG(value), o->flag);
		*(bool *)slot = on;
		return 0;
	}
	copy = arena_strndup(a, value.p, value.n);
	if (!copy || (o->kind == OPTION_LIST && option_append(slot, copy, a) < 0))
		return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	if (o->kind == OPTION_TEXT)
		*(const char **)slot = copy;
	return 0;
}

static const struct option *find_flag(struct str name, char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if (letter ? option_table[i].letter == letter
			   : option_table[i].flag && str_eqz(name, option_table[i].flag))
			return &option_table[i];
	return NULL;
}

static int read_flags(int argc, char **argv, struct arena *a, struct daemon_options *opt,
		      struct err *e)
{
	for (int i = 0; i < argc; i++) {
		struct str arg = str_from(argv[i]), value = {NULL, 0};
		const struct option *o;

		if (arg.n < 2 || arg.p[0] != '-')
			return err_set(e, ERR_INVALID,
				       "unexpected argument: %s (see serind --help)", argv[i]);
		if (arg.p[1] == '-') {
			ptrdiff_t eq = str_find(arg, '=');

			o = find_flag(str_span(arg.p + 2, (eq > 0 ? (size_t)eq : arg.n) - 2), 0);
			if (eq > 0)
				value = str_span(arg.p + eq + 1, arg.n - (size_t)eq - 1);
		} else {
			o = find_flag(arg, arg.p[1]);
			if (arg.n > 2)
				value = str_span(arg.p + 2 + (arg.p[2] == '='),
						 arg.n - 2 - (arg.p[2] == '='));
		}
		if (!o)
			return err_set(e, ERR_INVALID, "unknown flag: %s (see serind --help)",
				       argv[i]);
		if (!value.p && o->kind == OPTION_BOOL) {
			value = STR("true");
		} else if (!value.p) {
			if (++i == argc)
				return err_set(e, ERR_INVALID, "flag needs an argument: --%s",
					       o->flag);
			value = str_from(argv[i]);
		}
		if (option_set(o, opt, value, a, e) < 0)
			return err_code(e);
		opt->from_flag |= 1ull << (o - option_table);
	}
	return 0;
}

static const char *or_default(const char *value, const char *fallback)
{
	return value && *value ? value : fallback;
}

/* Relative roots are taken from where the daemon was started. */
static const char *absolute(const char *path, struct arena *a)
{
	char cwd[PATH_MAX / 4];

	if (*path == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	return arena_printf(a, "%s/%s", cwd, path);
}

static int fill_runtimes(struct daemon_options *opt, struct err *e)
{
	struct engine_options *eng = &opt->engine;
	static const char *const known[] = {"runc", "crun"};

	for (size_t i = 0; i < opt->runtimes.n; i++) {
		struct str path, name = str_cut(str_from(opt->runtimes.items[i]), '=', &path);

		if (!name.n || !path.n)
			return err_set(e, ERR_INVALID, "invalid runtime \"%s\": want name=path",
				       opt->runtimes.items[i]);
		if (eng->n_runtimes == RUNTIMES_MAX - ARRAY_LEN(known))
			return err_set(e, ERR_INVALID, "more than %zu runtimes",
				       RUNTIMES_MAX - ARRAY_LEN(known));
		((char *)name.p)[name.n] = 0; /* the texts are ours: "name\0path" */
		eng->runtimes[eng->n_runtimes++] = (struct runtime_choice){name.p, path.p};
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		bool given = false;

		for (size_t k = 0; k < eng->n_runtimes; k++)
			given |= !strcmp(eng->runtimes[k].name, known[i]);
		if (!given)
			eng->runtimes[eng->n_runtimes++] =
				(struct runtime_choice){known[i], known[i]};
	}
	eng->default_runtime = or_default(eng->default_runtime, "runc");
	for (size_t i = 0; i < eng->n_runtimes; i++)
		if (!strcmp(eng->runtimes[i].name, eng->default_runtime))
			return 0;
	return err_set(e, ERR_INVALID, "specified default runtime '%s' does not exist",
		       eng->default_runtime);
}

static int fill_log_opts(struct daemon_options *opt, struct arena *a, struct err *e)
{
	struct text_map *map = &opt->engine.default_log_opts;
	struct text_pair *pairs;

	if (!opt->log_opts.n)
		return 0;
	pairs = arena_alloc_array(a, opt->log_opts.n, sizeof(*pairs));
	if (!pairs)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	for (size_t i = 0; i < opt->log_opts.n; i++) {
		struct str value, key = str_cut(str_from(opt->log_opts.items[i]), '=', &value);

		if (!key.n || !value.p || key.p + key.n == value.p)
			return err_set(e, ERR_INVALID, "invalid log option \"%s\": want key=value",
				       opt->log_opts.items[i]);
		pairs[i].key = arena_strndup(a, key.p, key.n);
		pairs[i].value = value.p;
	}
	*map = (struct text_map){pairs, opt->log_opts.n, true};
	return 0;
}

static int check_values(struct daemon_options *opt, struct err *e)
{
	struct engine_options *eng = &opt->engine;
	enum log_level level;

	if (log_level_parse(opt->log_level, &level) < 0)
		return err_set(e, ERR_INVALID,
			       "invalid log level: \"%s\" (debug, info, warn, error or fatal)",
			       opt->log_level);
	log_set_level(opt->debug ? LOG_LEVEL_DEBUG : level);
	for (size_t i = 0; i < opt->hosts.n; i++)
		if (listener_check(opt->hosts.items[i], e) < 0)
			return err_code(e);
	for (size_t i = 0; i < eng->dns.n; i++) {
		struct in6_addr addr;

		if (inet_pton(AF_INET, eng->dns.items[i], &addr) != 1 &&
		    inet_pton(AF_INET6, eng->dns.items[i], &addr) != 1)
			return err_set(e, ERR_INVALID, "%s is not an ip address",
				       eng->dns.items[i]);
	}
	if (opt->metrics_addr && *opt->metrics_addr && !CONFIG(METRICS))
		return err_set(e, ERR_INVALID,
			       "metrics are not built in (CONFIG_METRICS): --metrics-addr");
	if (opt->metrics_addr && *opt->metrics_addr && listener_check_tcp(opt->metrics_addr, e) < 0)
		return err_wrap(e, "metrics-addr");
	if (eng->storage_driver && strcmp(eng->storage_driver, "overlay2") &&
	    strcmp(eng->storage_driver, "vfs"))
		return err_set(e, ERR_INVALID, "driver not supported: %s (overlay2 or vfs)",
			       eng->storage_driver);
	if (log_options_read(eng->default_log_driver, &eng->default_log_opts, NULL, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < opt->vsock_cids.n; i++) {
		uint64_t cid;

		if (str_to_u64(str_from(opt->vsock_cids.items[i]), &cid) < 0 ||
		    cid > UINT32_MAX - 1)
			return err_set(e, ERR_INVALID, "invalid vsock CID: %s",
				       opt->vsock_cids.items[i]);
	}
	return 0;
}

/* An empty name stands for no directory. */
static void fill_cdi(struct daemon_options *opt)
{
	static const char *usual[] = {"/etc/cdi", "/var/run/cdi"};
	struct texts *dirs = &opt->engine.cdi_spec_dirs;
	size_t n = 0;

	if (!dirs->set)
		*dirs = (struct texts){usual, ARRAY_LEN(usual), true};
	while (n < dirs->n && dirs->items[n][0])
		n++;
	if (n < dirs->n || opt->no_cdi || !CONFIG(CDI))
		*dirs = (struct texts){.set = true};
}

int options_fill(struct daemon_options *opt, struct arena *a, struct err *e)
{
	struct engine_options *eng = &opt->engine;

	eng->data_root = absolute(or_default(eng->data_root, "/var/lib/serin"), a);
	eng->exec_root = absolute(or_default(eng->exec_root, "/run/serin"), a);
	eng->bridge = or_default(eng->bridge, "docker0");
	eng->bip = or_default(eng->bip, "172.17.0.1/16");
	eng->cgroup_parent = or_default(eng->cgroup_parent, "docker");
	eng->certs_dir = or_default(eng->certs_dir, "/etc/docker/certs.d");
	eng->default_log_driver =
		or_default(eng->default_log_driver, CONFIG(LOG_JSON) ? "json-file" : "none");
	eng->debug = opt->debug;
	fill_cdi(opt);
	opt->log_level = or_default(opt->log_level, "info");
	opt->pidfile = opt->pidfile ? opt->pidfile : "/run/serind.pid";
	if (!opt->hosts.n && option_append(&opt->hosts, HOST_DEFAULT, a) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	if (fill_runtimes(opt, e) < 0 || fill_log_opts(opt, a, e) < 0 || check_values(opt, e) < 0)
		return err_code(e);
	return 0;
}

int options_read(int argc, char **argv, struct arena *a, struct daemon_options *ret, struct err *e)
{
	struct daemon_options *opt = arena_alloc(a, sizeof(*opt));

	if (!opt)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
	if (read_flags(argc, argv, a, opt, e) < 0)
		return err_code(e);
	if (!opt->help && !opt->version && config_file_read(opt, a, e) < 0)
		return err_code(e);
	if (options_fill(opt, a, e) < 0)
		return err_code(e);
	*ret = *opt;
	return 0;
}

void options_help(struct buf *out)
{
	buf_puts(out, "Usage: serind [OPTIONS]\n"
		      "       serind check | dial-stdio | limits | version | vsock-proxy\n\n"
		      "The Docker Engine API in one small daemon.\n\nOptions:\n");
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		char left[64];
		int n = snprintf(left, sizeof(left), "--%s%s%s", o->flag, o->argument ? " " : "",
				 o->argument ? o->argument : "");

		if (o->letter)
			buf_printf(out, "  -%c, %-28.*s %s\n", o->letter, n, left, o->help);
		else
			buf_printf(out, "      %-28.*s %s\n", n, left, o->help);
	}
	buf_puts(out,
		 "\nCommands:\n"
		 "  check        Say whether this machine can run containers, and what is missing\n"
		 "  dial-stdio   Join standard input and output to the daemon's socket (docker -H "
		 "ssh://)\n"
		 "  limits       Print the memory map: every pool and what it may come to\n"
		 "  version      Print the version\n"
		 "  vsock-proxy  On a virtual machine's host, a Unix socket that leads to its "
		 "daemon\n");
}
