/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.json: one document a container, replaced as a whole (persist.c). The shapes of Config,
 * HostConfig and NetworkingConfig are those of the API, so the file reads like an inspect reply;
 * what only the engine needs stands in State and Endpoint.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "firmware/core/mem.h"
#include "runtime/container/health_state.h"
#include "runtime/container/private.h"

struct port_record {
	const char *proto, *host_ip;
	int64_t port, host_port;
};
struct endpoint_record {
	const char *id, *network_id, *ip, *gateway, *mac, *host_if;
	int64_t prefix_len;
	struct shape_array ports;
};
struct mount_record {
	const char *type, *name, *source, *destination, *driver, *mode, *propagation, *subpath;
	bool rw, anonymous, top_only, ro_top_only, ro_all, implied;
};
struct link_record {
	const char *child, *alias;
};
struct result_record {
	const char *start, *end, *output;
	int64_t exit_code;
};
struct health_record {
	const char *status;
	int64_t failing_streak;
	struct shape_array log;
};
struct state_record {
	const char *status, *error, *started_at, *finished_at, *netns;
	int64_t exit_code, restart_count;
	bool oom_killed, has_been_started, stop_requested, starting, unfinished;
	struct endpoint_record *endpoint;
	struct health_record *health;
};
struct container_record {
	const char *id, *name, *created, *image_id, *path;
	struct texts args;
	struct state_record state;
	struct container_config config;
	struct host_config host;
	struct networking_config networking;
	struct shape_array mounts, links;
};

#define F(type, name, member, kind, ...) SHAPE_FIELD(struct type, name, member, kind, __VA_ARGS__)
#define SHAPE(tag, table)                                                                          \
	static const struct shape shape_##tag = {                                                  \
		.name = #tag,                                                                      \
		.size = sizeof(struct tag),                                                        \
		.fields = table,                                                                   \
		.n_fields = ARRAY_LEN(table),                                                      \
	}

static const struct shape_field port_fields[] = {
	F(port_record, "Proto", proto, SHAPE_TEXT, .flags = 0),
	F(port_record, "Port", port, SHAPE_I64, .flags = 0),
	F(port_record, "HostIp", host_ip, SHAPE_TEXT, .flags = 0),
	F(port_record, "HostPort", host_port, SHAPE_I64, .flags = 0),
};
SHAPE(port_record, port_fields);

static const struct shape_field endpoint_fields[] = {
	F(endpoint_record, "ID", id, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "NetworkID", network_id, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "IPAddress", ip, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "Gateway", gateway, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "IPPrefixLen", prefix_len, SHAPE_I64, .flags = 0),
	F(endpoint_record, "MacAddress", mac, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "HostInterface", host_if, SHAPE_TEXT, .flags = 0),
	F(endpoint_record, "Ports", ports, SHAPE_ARRAY, .sub = &shape_port_record,
	  .flags = SHAPE_EMPTY_ARRAY),
};
SHAPE(endpoint_record, endpoint_fields);

static const struct shape_field mount_fields[] = {
	F(mount_record, "Type", type, SHAPE_TEXT, .flags = 0),
	F(mount_record, "Name", name, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "Source", source, SHAPE_TEXT, .flags = 0),
	F(mount_record, "Destination", destination, SHAPE_TEXT, .flags = 0),
	F(mount_record, "Driver", driver, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "Mode", mode, SHAPE_TEXT, .flags = 0),
	F(mount_record, "RW", rw, SHAPE_BOOL, .flags = 0),
	F(mount_record, "Propagation", propagation, SHAPE_TEXT, .flags = 0),
	F(mount_record, "Subpath", subpath, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "Anonymous", anonymous, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "NonRecursive", top_only, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "ReadOnlyNonRecursive", ro_top_only, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "ReadOnlyForceRecursive", ro_all, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(mount_record, "ImpliedPropagation", implied, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
};
SHAPE(mount_record, mount_fields);

static const struct shape_field link_fields[] = {
	F(link_record, "Child", child, SHAPE_TEXT, .flags = 0),
	F(link_record, "Alias", alias, SHAPE_TEXT, .flags = 0),
};
SHAPE(link_record, link_fields);

static const struct shape_field result_fields[] = {
	F(result_record, "Start", start, SHAPE_TEXT, .flags = 0),
	F(result_record, "End", end, SHAPE_TEXT, .flags = 0),
	F(result_record, "ExitCode", exit_code, SHAPE_I64, .flags = 0),
	F(result_record, "Output", output, SHAPE_TEXT, .flags = 0),
};
SHAPE(result_record, result_fields);

static const struct shape_field health_fields[] = {
	F(health_record, "Status", status, SHAPE_TEXT, .flags = 0),
	F(health_record, "FailingStreak", failing_streak, SHAPE_I64, .flags = 0),
	F(health_record, "Log", log, SHAPE_ARRAY, .sub = &shape_result_record,
	  .flags = SHAPE_EMPTY_ARRAY),
};
SHAPE(health_record, health_fields);

static const struct shape_field state_fields[] = {
	F(state_record, "Status", status, SHAPE_TEXT, .flags = 0),
	F(state_record, "ExitCode", exit_code, SHAPE_I64, .flags = 0),
	F(state_record, "Error", error, SHAPE_TEXT, .flags = 0),
	F(state_record, "OOMKilled", oom_killed, SHAPE_BOOL, .flags = 0),
	F(state_record, "StartedAt", started_at, SHAPE_TEXT, .flags = 0),
	F(state_record, "FinishedAt", finished_at, SHAPE_TEXT, .flags = 0),
	F(state_record, "HasBeenStarted", has_been_started, SHAPE_BOOL, .flags = 0),
	F(state_record, "Starting", starting, SHAPE_BOOL, .flags = 0),
	F(state_record, "Unfinished", unfinished, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(state_record, "StopRequested", stop_requested, SHAPE_BOOL, .flags = 0),
	F(state_record, "RestartCount", restart_count, SHAPE_I64, .flags = 0),
	F(state_record, "NetworkNamespace", netns, SHAPE_TEXT, .flags = 0),
	F(state_record, "Endpoint", endpoint, SHAPE_PTR, .sub = &shape_endpoint_record,
	  .flags = SHAPE_OMIT_EMPTY),
	F(state_record, "Health", health, SHAPE_PTR, .sub = &shape_health_record,
	  .flags = SHAPE_OMIT_EMPTY),
};
SHAPE(state_record, state_fields);

static const struct shape_field container_fields[] = {
	F(container_record, "Id", id, SHAPE_TEXT, .flags = 0),
	F(container_record, "Name", name, SHAPE_TEXT, .flags = 0),
	F(container_record, "Created", created, SHAPE_TEXT, .flags = 0),
	F(container_record, "Image", image_id, SHAPE_TEXT, .flags = 0),
	F(container_record, "Path", path, SHAPE_TEXT, .flags = 0),
	F(container_record, "Args", args, SHAPE_TEXTS, .flags = SHAPE_EMPTY_ARRAY),
	F(container_record, "State", state, SHAPE_STRUCT, .sub = &shape_state_record),
	F(container_record, "Mounts", mounts, SHAPE_ARRAY, .sub = &shape_mount_record,
	  .flags = SHAPE_EMPTY_ARRAY),
	F(container_record, "Links", links, SHAPE_ARRAY, .sub = &shape_link_record,
	  .flags = SHAPE_OMIT_EMPTY),
	F(container_record, "Config", config, SHAPE_STRUCT, .sub = &shape_container_config),
	F(container_record, "HostConfig", host, SHAPE_STRUCT, .sub = &shape_host_config),
	F(container_record, "NetworkingConfig", networking, SHAPE_STRUCT,
	  .sub = &shape_networking_config),
};
SHAPE(container_record, container_fields);

/* --- out --- */

static const char *time_text(int64_t wall_ns, struct arena *a)
{
	char text[CLOCK_RFC3339_MAX];

	if (!wall_ns)
		return "";
	clock_format_rfc3339nano(wall_ns, text);
	return arena_strdup(a, text);
}

static const char *addr_text(struct in_addr addr, struct arena *a)
{
	char text[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &addr, text, sizeof(text));
	return arena_strdup(a, text);
}

static struct endpoint_record *endpoint_to_record(const struct endpoint *ep, struct arena *a)
{
	struct endpoint_record *rec = arena_alloc(a, sizeof(*rec));
	struct port_record *ports = arena_alloc_array(a, ep->n_ports, sizeof(*ports));

	if (!rec || !ports)
		return NULL;
	rec->id = ep->id;
	rec->network_id = ep->network_id;
	rec->ip = addr_text(ep->ip, a);
	rec->gateway = addr_text(ep->gateway, a);
	rec->prefix_len = ep->prefix_len;
	rec->mac = arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1],
				ep->mac[2], ep->mac[3], ep->mac[4], ep->mac[5]);
	rec->host_if = ep->host_if;
	for (size_t i = 0; i < ep->n_ports; i++) {
		ports[i].proto = ep->ports[i].proto == IPPROTO_UDP ? "udp" : "tcp";
		ports[i].port = ep->ports[i].port;
		ports[i].host_ip = addr_text(ep->ports[i].host_ip, a);
		ports[i].host_port = ep->ports[i].host_port;
	}
	rec->ports = (struct shape_array){ports, ep->n_ports, true};
	return rec;
}

static struct health_record *health_to_record(const struct health *h, struct arena *a)
{
	struct health_record *rec = arena_alloc(a, sizeof(*rec));
	struct result_record *log = arena_alloc_array(a, h->n_log, sizeof(*log));

	if (!rec || !log)
		return NULL;
	for (size_t i = 0; i < h->n_log; i++)
		log[i] = (struct result_record){.start = time_text(h->log[i].start_ns, a),
						.end = time_text(h->log[i].end_ns, a),
						.output = h->log[i].output,
						.exit_code = h->log[i].exit_code};
	rec->status = health_status_name(h->status);
	rec->failing_streak = h->failing_streak;
	rec->log = (struct shape_array){log, h->n_log, true};
	return rec;
}

int container_to_record(const struct container *c, struct arena *a, struct buf *out)
{
	struct json_writer w;
	struct container_record *rec = arena_alloc(a, sizeof(*rec));
	struct mount_record *mounts = arena_alloc_array(a, c->n_mounts, sizeof(*mounts));
	struct link_record *links = arena_alloc_array(a, c->n_links, sizeof(*links));

	if (!rec || !mounts || !links)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_links; i++)
		links[i] = (struct link_record){c->links[i].child, c->links[i].alias};
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct container_mount *m = &c->mounts[i];

		mounts[i] = (struct mount_record){.type = m->type,
						  .name = m->name,
						  .source = m->source,
						  .destination = m->destination,
						  .driver = m->driver,
						  .mode = m->mode,
						  .propagation = m->propagation,
						  .subpath = m->subpath,
						  .rw = m->rw,
						  .top_only = m->top_only,
						  .ro_top_only = m->ro_top_only,
						  .ro_all = m->ro_all,
						  .implied = m->implied,
						  .anonymous = m->anonymous};
	}
	rec->id = c->id;
	rec->name = c->name;
	rec->created = time_text(c->created_ns, a);
	rec->image_id = c->image_id.text;
	rec->path = c->path;
	rec->args = c->args;
	rec->config = c->config;
	rec->host = c->host;
	rec->networking = c->networking;
	rec->mounts = (struct shape_array){mounts, c->n_mounts, true};
	rec->links = (struct shape_array){links, c->n_links, true};
	rec->state = (struct state_record){
		.status = container_status_name(c->status),
		.error = c->error,
		.started_at = time_text(c->started_ns, a),
		.finished_at = time_text(c->finished_ns, a),
		.netns = c->netns_path,
		.exit_code = c->exit_code,
		.restart_count = c->restart_count,
		.oom_killed = c->oom_killed,
		.has_been_started = c->has_been_started,
		.stop_requested = c->stop_requested,
		.starting = c->starting,
		.unfinished = c->unfinished,
	};
	if (c->endpoint) {
		rec->state.endpoint = endpoint_to_record(c->endpoint, a);
		if (!rec->state.endpoint)
			return -ENOMEM;
	}
	if (c->health.state) {
		rec->state.health = health_to_record(c->health.state, a);
		if (!rec->state.health)
			return -ENOMEM;
	}
	json_begin(&w, out);
	w.pretty = true;
	shape_encode(&shape_container_record, rec, &w, 0);
	buf_putc(out, '\n');
	return out->failed ? -ENOMEM : 0;
}

/* --- in --- */

static int64_t time_value(const char *text)
{
	int64_t ns = 0;

	if (!text || !*text || clock_parse_rfc3339(str_from(text), &ns) < 0)
		return 0;
	return ns;
}

static struct in_addr addr_value(const char *text)
{
	struct in_addr addr = {0};

	if (text)
		inet_pton(AF_INET, text, &addr);
	return addr;
}

/* Six pairs of hex digits with colons between; all zero when it is anything else. */
static void mac_value(const char *text, uint8_t mac[6])
{
	struct str rest = str_from(text);

	for (size_t i = 0; i < 6; i++)
		if (hex_decode(str_cut(rest, ':', &rest), &mac[i], 1) < 0) {
			memset(mac, 0, 6);
			return;
		}
}

static struct endpoint *endpoint_from_record(const struct endpoint_record *rec)
{
	struct endpoint *ep = mem_alloc(sizeof(*ep));
	const struct port_record *ports = rec->ports.items;

	if (!ep)
		return NULL;
	str_copy(ep->id, sizeof(ep->id), str_from(rec->id));
	str_copy(ep->network_id, sizeof(ep->network_id), str_from(rec->network_id));
	str_copy(ep->host_if, sizeof(ep->host_if), str_from(rec->host_if));
	ep->ip = addr_value(rec->ip);
	ep->gateway = addr_value(rec->gateway);
	ep->prefix_len = (uint8_t)rec->prefix_len;
	mac_value(rec->mac, ep->mac);
	ep->n_ports = MIN(rec->ports.n, (size_t)NETWORK_PORTS_MAX);
	for (size_t i = 0; i < ep->n_ports; i++) {
		ep->ports[i].proto = strz_eq(ports[i].proto, "udp") ? IPPROTO_UDP : IPPROTO_TCP;
		ep->ports[i].port = (uint16_t)ports[i].port;
		ep->ports[i].host_ip = addr_value(ports[i].host_ip);
		ep->ports[i].host_port = (uint16_t)ports[i].host_port;
		ep->ports[i].fd = -1;
	}
	ep->connected = true;
	return ep;
}

static int mounts_from_record(struct container *c, const struct shape_array *list)
{
	const struct mount_record *in = list->items;

	c->mounts = arena_alloc_array(&c->mem, list->n, sizeof(*c->mounts));
	if (!c->mounts)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		c->mounts[i] = (struct container_mount){.type = in[i].type,
							.name = in[i].name,
							.source = in[i].source,
							.destination = in[i].destination,
							.driver = in[i].driver,
							.mode = in[i].mode,
							.rw = in[i].rw,
							.top_only = in[i].top_only,
							.ro_top_only = in[i].ro_top_only,
							.ro_all = in[i].ro_all,
							.implied = in[i].implied,
							.propagation = in[i].propagation,
							.subpath = in[i].subpath,
							.anonymous = in[i].anonymous};
	c->n_mounts = list->n;
	return 0;
}

static int links_from_record(struct container *c, const struct shape_array *list)
{
	const struct link_record *in = list->items;

	c->links = arena_alloc_array(&c->mem, list->n, sizeof(*c->links));
	if (!c->links)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		if (in[i].child && in[i].alias)
			c->links[c->n_links++] = (struct container_link){in[i].child, in[i].alias};
	return 0;
}

static int health_from_record(struct container *c, const struct health_record *rec)
{
	const struct result_record *log = rec->log.items;
	struct health *h = health_new();

	c->health.state = h;
	if (!h || health_status_parse(str_from(rec->status), &h->status) < 0)
		return h ? 0 : -ENOMEM;
	h->failing_streak = rec->failing_streak;
	for (size_t i = 0; i < rec->log.n; i++) {
		struct health_result r = {.start_ns = time_value(log[i].start),
					  .end_ns = time_value(log[i].end),
					  .exit_code = (int)log[i].exit_code,
					  .output = mem_strdup(log[i].output ? log[i].output : "")};

		if (!r.output)
			return -ENOMEM;
		health_log(h, &r);
	}
	return 0;
}

int container_from_record(struct container *c, struct str json, struct arena *a, struct err *e)
{
	struct container_record *rec = arena_alloc(a, sizeof(*rec));
	struct json_node root;
	int r;

	if (!rec)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	r = json_parse(json, a, &root, e);
	if (r < 0)
		return r;
	/* Texts go straight into the container's own arena. */
	r = shape_decode(&shape_container_record, root, &c->mem, rec, e);
	if (r < 0)
		return r;
	if (!rec->id || strlen(rec->id) != CONTAINER_ID_LEN || !str_is_hex(str_from(rec->id)) ||
	    !rec->name || !str_copy(c->name, sizeof(c->name), str_from(rec->name)) || !rec->path ||
	    container_status_parse(str_from(rec->state.status), &c->status) < 0 ||
	    digest_parse(str_from(rec->image_id), &c->image_id, e) < 0)
		return err_set(e, ERR_INVALID,
			       "container.json lacks an id, name, path, status or image");
	str_copy(c->id, sizeof(c->id), str_from(rec->id));
	c->config = rec->config;
	c->host = rec->host;
	c->networking = rec->networking;
	c->path = rec->path;
	c->args = rec->args;
	c->created_ns = time_value(rec->created);
	c->started_ns = time_value(rec->state.started_at);
	c->finished_ns = time_value(rec->state.finished_at);
	c->exit_code = (int)rec->state.exit_code;
	c->oom_killed = rec->state.oom_killed;
	c->restart_count = (int)rec->state.restart_count;
	c->has_been_started = rec->state.has_been_started;
	c->stop_requested = rec->state.stop_requested;
	c->starting = rec->state.starting;
	c->unfinished = rec->state.unfinished;
	str_copy(c->error, sizeof(c->error), str_from(rec->state.error));
	str_copy(c->netns_path, sizeof(c->netns_path), str_from(rec->state.netns));
	if (mounts_from_record(c, &rec->mounts) < 0 || links_from_record(c, &rec->links) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (rec->state.health && health_from_record(c, rec->state.health) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (rec->state.endpoint) {
		c->endpoint = endpoint_from_record(rec->state.endpoint);
		if (!c->endpoint)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	return 0;
}
