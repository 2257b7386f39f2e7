/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a create request of an older API version means: fields that version did not have are not
 * taken from it, and some had another default.
 */
#include "runtime/container/private.h"

#define AUTO_REMOVE_SINCE 25
#define PRIVATE_IPC_SINCE 40
#define CONSOLE_SIZE_SINCE 42
#define ANNOTATIONS_SINCE 43
#define ENDPOINTS_SINCE 44
#define SUBPATH_SINCE 45
#define PRIORITY_SINCE 48

static bool is_empty(const char *s)
{
	return !s || !*s;
}

static bool is_text(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

static void forget_mounts(struct host_config *h, unsigned minor)
{
	struct mount_config *m = h->mounts.items;

	for (size_t i = 0; i < h->mounts.n; i++) {
		const char *type = m[i].type ? m[i].type : "";

		if (m[i].bind_options && minor < PRIVATE_IPC_SINCE)
			m[i].bind_options->non_recursive = false;
		if (m[i].bind_options && minor < CONSOLE_SIZE_SINCE)
			m[i].bind_options->create_mountpoint = false;
		if (minor < CONSOLE_SIZE_SINCE && strcmp(type, "volume") != 0)
			m[i].volume_options = NULL;
		if (minor < CONSOLE_SIZE_SINCE && strcmp(type, "tmpfs") != 0)
			m[i].tmpfs_options = NULL;
	}
}

static int check_several(const struct shape_map *eps, unsigned minor, struct err *e)
{
	if (eps->n <= 1 || minor >= ENDPOINTS_SINCE)
		return 0;
	return err_set(e, ERR_INVALID,
		       "Container cannot be created with multiple network endpoints: %s, %s",
		       eps->items[0].key, eps->items[1].key);
}

static int check_mounts(const struct host_config *h, unsigned minor, struct err *e)
{
	const struct mount_config *m = h->mounts.items;

	for (size_t i = 0; i < h->mounts.n; i++) {
		if (minor < ENDPOINTS_SINCE && is_text(m[i].type, "bind") && m[i].bind_options &&
		    m[i].bind_options->read_only_force_recursive)
			return err_set(
				e, ERR_INVALID,
				"BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
		if (minor < SUBPATH_SINCE && m[i].volume_options &&
		    !is_empty(m[i].volume_options->subpath))
			return err_set(e, ERR_INVALID,
				       "VolumeOptions.Subpath needs API v1.45 or newer");
	}
	return 0;
}

/* The endpoint of the network the container is on by its mode; NULL when none was described. */
static struct endpoint_config *main_endpoint(const struct create_request *req)
{
	const char *mode = req->host.network_mode;
	const struct shape_map *eps = &req->networking.endpoints;
	bool bridge = is_empty(mode) || is_text(mode, "default") || is_text(mode, "bridge");

	for (size_t i = 0; i < eps->n; i++) {
		const char *key = eps->items[i].key;

		if (bridge ? is_text(key, "default") || is_text(key, "bridge") : is_text(key, mode))
			return eps->items[i].value;
	}
	return NULL;
}

/* An address of the whole container is that of its main endpoint. */
static int move_mac(struct create_request *req, unsigned minor, struct warnings *w, struct err *e)
{
	const char *mac = req->config.mac_address;
	const struct shape_map *eps = &req->networking.endpoints;
	struct endpoint_config *ep = main_endpoint(req);

	if (minor < ENDPOINTS_SINCE) {
		for (size_t i = 0; i < eps->n; i++) {
			struct endpoint_config *one = eps->items[i].value;

			if (one)
				one->mac_address = NULL;
		}
		if (!is_empty(mac) && is_text(req->host.network_mode, "none"))
			return err_set(e, ERR_INVALID,
				       "conflicting options: mac-address and the network mode");
		return 0;
	}
	if (is_empty(mac))
		return 0;
	if (ep && is_empty(ep->mac_address))
		ep->mac_address = mac;
	if (ep && strcmp(ep->mac_address, mac) != 0)
		return err_set(e, ERR_INVALID,
			       "the container-wide MAC address must match the endpoint-specific "
			       "MAC address for the main network, or be left empty");
	warnings_add(w, "The container-wide MacAddress field is now deprecated. It should be "
			"specified in EndpointsConfig instead.");
	return 0;
}

/* net.ipv4.conf.eth0.x: which interface that is, only the engine knows. */
static int check_sysctls(const struct create_request *req, unsigned minor, struct err *e)
{
	const struct text_map *map = &req->host.sysctls;

	for (size_t i = 0; minor >= PRIORITY_SINCE && i < map->n; i++) {
		struct str rest = str_from(map->items[i].key), parts[4];

		for (size_t k = 0; k < ARRAY_LEN(parts); k++)
			parts[k] = str_cut(rest, '.', &rest);
		if (rest.n && str_eqz(parts[0], "net") && str_starts(parts[3], "eth"))
			return err_set(e, ERR_INVALID,
				       "interface specific sysctl setting \"%s\" must be supplied "
				       "using driver option '" SYSCTLS_OPTION "'",
				       map->items[i].key);
	}
	return 0;
}

int container_apply_version(struct create_request *req, unsigned minor, struct warnings *w,
			    struct err *e)
{
	struct host_config *h = &req->host;

	if (minor < AUTO_REMOVE_SINCE)
		h->auto_remove = false;
	if (minor < PRIVATE_IPC_SINCE) {
		h->kernel_memory_tcp = 0;
		if (is_empty(h->ipc_mode))
			h->ipc_mode = "shareable";
	}
	if (minor < CONSOLE_SIZE_SINCE)
		h->console_size_raw = (struct str){NULL, 0};
	else
		h->kernel_memory = 0;
	if (minor < ANNOTATIONS_SINCE)
		h->annotations = (struct text_map){0};
	if (minor < ENDPOINTS_SINCE && req->config.healthcheck)
		req->config.healthcheck->start_interval = 0;
	for (size_t i = 0; minor < PRIORITY_SINCE && i < req->networking.endpoints.n; i++) {
		struct endpoint_config *ep = req->networking.endpoints.items[i].value;

		if (ep)
			ep->gw_priority = 0;
	}
	forget_mounts(h, minor);
	if (check_sysctls(req, minor, e) < 0 ||
	    check_several(&req->networking.endpoints, minor, e) < 0 ||
	    check_mounts(h, minor, e) < 0)
		return err_code(e);
	return move_mac(req, minor, w, e);
}
