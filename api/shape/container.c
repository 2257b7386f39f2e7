/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/container.h"

#include <errno.h>

#include "api/shape/text.h"
#include "runtime/container/health_state.h"
#include "runtime/spec/spec.h"

void shape_container_status(const struct container *c, int64_t now, struct buf *out)
{
	switch (c->status) {
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		buf_puts(out, "Up ");
		text_human_duration(now - c->started_ns, out);
		if (c->status == CONTAINER_PAUSED)
			buf_puts(out, " (Paused)");
		else if (c->health.state)
			buf_printf(out, " (%s%s)",
				   c->health.state->status == HEALTH_STARTING ? "health: " : "",
				   health_status_name(c->health.state->status));
		break;
	case CONTAINER_RESTARTING:
		buf_printf(out, "Restarting (%d) ", c->exit_code);
		text_human_duration(now - c->finished_ns, out);
		buf_puts(out, " ago");
		break;
	case CONTAINER_EXITED:
		buf_printf(out, "Exited (%d) ", c->exit_code);
		text_human_duration(now - c->finished_ns, out);
		buf_puts(out, " ago");
		break;
	case CONTAINER_REMOVING:
		buf_puts(out, "Removal In Progress");
		break;
	case CONTAINER_DEAD:
		buf_puts(out, "Dead");
		break;
	case CONTAINER_CREATED:
		buf_puts(out, "Created");
		break;
	}
}

static void put_mounts(const struct container *c, struct json_writer *w)
{
	json_array_open(w);
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct container_mount *m = &c->mounts[i];

		json_object_open(w);
		json_kv_text(w, "Type", m->type);
		if (m->name)
			json_kv_text(w, "Name", m->name);
		json_kv_text(w, "Source", m->source);
		json_kv_text(w, "Destination", m->destination);
		if (m->driver)
			json_kv_text(w, "Driver", m->driver);
		json_kv_text(w, "Mode", strcmp(m->type, "tmpfs") ? m->mode : "");
		json_kv_bool(w, "RW", m->rw);
		json_kv_text(w, "Propagation", m->propagation);
		json_object_close(w);
	}
	json_array_close(w);
}

static void put_labels(const struct text_map *labels, struct json_writer *w)
{
	json_object_open(w);
	for (size_t i = 0; i < labels->n; i++) {
		json_key(w, labels->items[i].key);
		json_put_text(w, labels->items[i].value);
	}
	json_object_close(w);
}

/* As it was asked for, unless that name means another image by now. */
static const char *image_text(const struct container *c)
{
	CLEANUP(image_unrefp) struct image *now = NULL;
	const char *asked = c->config.image ? c->config.image : "";

	if (image_lookup(c->eng->images, asked, &now, NULL) < 0 ||
	    !digest_eq(&now->id, &c->image_id))
		return c->image_id.text;
	return asked;
}

static void put_sizes(struct json_writer *w, const struct container_sizes *sizes)
{
	if (!sizes || !sizes->known)
		return;
	json_kv_i64(w, "SizeRw", (int64_t)sizes->rw);
	json_kv_i64(w, "SizeRootFs", (int64_t)sizes->root);
}

void shape_container_summary(const struct container *c, struct json_writer *w, struct arena *a,
			     unsigned api_minor, const struct container_sizes *sizes)
{
	struct texts links;
	struct buf text;

	buf_init(&text, a, 64 << 10);
	json_object_open(w);
	json_kv_text(w, "Id", c->id);
	json_key(w, "Names");
	json_array_open(w);
	buf_printf(&text, "/%s", c->name);
	json_put_str(w, buf_str(&text));
	if (container_link_names(c, a, &links) == 0)
		for (size_t i = 0; i < links.n; i++)
			json_put_text(w, links.items[i]);
	json_array_close(w);
	json_kv_text(w, "Image", image_text(c));
	json_kv_text(w, "ImageID", c->image_id.text);
	buf_reset(&text);
	text_command(c->path, &c->args, &text);
	json_kv_str(w, "Command", buf_str(&text));
	json_kv_i64(w, "Created", c->created_ns / NSEC_PER_SEC);
	json_key(w, "Ports");
	shape_container_ports(c, w);
	put_sizes(w, sizes);
	json_key(w, "Labels");
	put_labels(&c->config.labels, w);
	json_kv_text(w, "State", container_status_name(c->status));
	buf_reset(&text);
	shape_container_status(c, clock_wall(), &text);
	json_kv_str(w, "Status", buf_str(&text));
	json_key(w, "HostConfig");
	json_object_open(w);
	json_kv_text(w, "NetworkMode", c->host.network_mode);
	if (api_minor >= 46 && c->host.annotations.n) {
		json_key(w, "Annotations");
		put_labels(&c->host.annotations, w);
	}
	json_object_close(w);
	json_key(w, "NetworkSettings");
	json_object_open(w);
	json_key(w, "Networks");
	shape_networks(c, w, a, api_minor);
	json_object_close(w);
	json_key(w, "Mounts");
	put_mounts(c, w);
	json_object_close(w);
}

static void put_health(const struct health *h, struct json_writer *w)
{
	json_object_open(w);
	json_kv_text(w, "Status", health_status_name(h->status));
	json_kv_i64(w, "FailingStreak", h->failing_streak);
	json_key(w, "Log");
	json_array_open(w);
	for (size_t i = 0; i < h->n_log; i++) {
		json_object_open(w);
		text_kv_time(w, "Start", h->log[i].start_ns);
		text_kv_time(w, "End", h->log[i].end_ns);
		json_kv_i64(w, "ExitCode", h->log[i].exit_code);
		json_kv_text(w, "Output", h->log[i].output);
		json_object_close(w);
	}
	json_array_close(w);
	json_object_close(w);
}

static void put_state(const struct container *c, struct json_writer *w)
{
	json_object_open(w);
	json_kv_text(w, "Status", container_status_name(c->status));
	json_kv_bool(w, "Running", container_is_running(c));
	json_kv_bool(w, "Paused", c->status == CONTAINER_PAUSED);
	json_kv_bool(w, "Restarting", c->status == CONTAINER_RESTARTING);
	json_kv_bool(w, "OOMKilled", c->oom_killed);
	json_kv_bool(w, "Dead", c->status == CONTAINER_DEAD);
	json_kv_i64(w, "Pid", c->pid);
	json_kv_i64(w, "ExitCode", c->exit_code);
	json_kv_text(w, "Error", c->error);
	text_kv_time(w, "StartedAt", c->started_ns);
	text_kv_time(w, "FinishedAt", container_is_running(c) && !c->exits ? 0 : c->finished_ns);
	if (c->health.state) {
		json_key(w, "Health");
		put_health(c->health.state, w);
	}
	json_object_close(w);
}

/* What runs and what may yet be started. */
static bool is_listed(const struct exec *x)
{
	return !x->probe && (x->running || !x->started);
}

static void put_exec_ids(const struct container *c, struct json_writer *w)
{
	const struct exec *x;
	bool any = false;

	list_for_each (x, &c->execs, link)
		any |= is_listed(x);
	if (!any) {
		json_put_null(w);
		return;
	}
	json_array_open(w);
	list_for_each (x, &c->execs, link)
		if (is_listed(x))
			json_put_text(w, x->id);
	json_array_close(w);
}

static void put_graph_driver(const struct container *c, struct json_writer *w, struct arena *a)
{
	struct text_map data = {0};

	json_object_open(w);
	json_key(w, "Data");
	if (!c->image || snapshot_describe(c->eng->images, c->id, c->image, a, &data) < 0 ||
	    !data.n)
		json_put_null(w);
	else
		put_labels(&data, w);
	json_kv_text(w, "Name", image_store_driver(c->eng->images));
	json_object_close(w);
}

/* HostConfig as asked for, with the lists that are in effect. */
static void put_host_config(const struct container *c, struct json_writer *w, struct arena *a,
			    unsigned api_minor)
{
	struct host_config *host = arena_alloc(a, sizeof(*host));

	if (!host) {
		json_put_null(w);
		return;
	}
	*host = c->host;
	spec_effective_paths(&c->host, a, &host->masked_paths, &host->readonly_paths);
	if (container_link_list(c, a, &host->links) < 0)
		host->links = (struct texts){0};
	shape_encode(&shape_host_config, host, w, api_minor);
}

/* The address asked for is shown for the whole container too, as it used to be. */
static void put_config(const struct container *c, struct json_writer *w, struct arena *a,
		       unsigned api_minor)
{
	struct container_config *config = arena_alloc(a, sizeof(*config));
	const struct shape_map *eps = &c->networking.endpoints;

	if (!config) {
		json_put_null(w);
		return;
	}
	*config = c->config;
	for (size_t i = 0; i < eps->n && (!config->mac_address || !*config->mac_address); i++) {
		const struct endpoint_config *ep = eps->items[i].value;
		const char *mode = c->host.network_mode ? c->host.network_mode : "";

		if (ep &&
		    (!strcmp(eps->items[i].key, mode) || !strcmp(eps->items[i].key, "default")))
			config->mac_address = ep->mac_address;
	}
	shape_encode(&shape_container_config, config, w, api_minor);
}

static void put_files(const struct container *c, struct json_writer *w, struct arena *a)
{
	const char *dir = container_dir(c, a);
	bool host_files = c->has_been_started && strncmp(c->host.network_mode, "container:", 10);
	static const struct {
		const char *key, *file;
	} files[] = {{"ResolvConfPath", "resolv.conf"},
		     {"HostnamePath", "hostname"},
		     {"HostsPath", "hosts"}};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		json_kv_text(w, files[i].key,
			     host_files ? arena_printf(a, "%s/%s", dir, files[i].file) : "");
	if (c->host.log_config.type && !strcmp(c->host.log_config.type, "json-file") &&
	    c->has_been_started)
		json_kv_text(w, "LogPath", arena_printf(a, "%s/%s-json.log", dir, c->id));
	else
		json_kv_text(w, "LogPath", "");
}

void shape_container_inspect(const struct container *c, struct json_writer *w, struct arena *a,
			     unsigned api_minor, const struct container_sizes *sizes)
{
	json_object_open(w);
	json_kv_text(w, "Id", c->id);
	text_kv_time(w, "Created", c->created_ns);
	json_kv_text(w, "Path", c->path);
	json_key(w, "Args");
	json_array_open(w);
	for (size_t i = 0; i < c->args.n; i++)
		json_put_text(w, c->args.items[i]);
	json_array_close(w);
	json_key(w, "State");
	put_state(c, w);
	json_kv_text(w, "Image", c->image_id.text);
	put_files(c, w, a);
	json_kv_text(w, "Name", arena_printf(a, "/%s", c->name));
	json_kv_i64(w, "RestartCount", c->restart_count);
	json_kv_text(w, "Driver", image_store_driver(c->eng->images));
	json_kv_text(w, "Platform", "linux");
	json_kv_text(w, "MountLabel", "");
	json_kv_text(w, "ProcessLabel", "");
	json_kv_text(w, "AppArmorProfile", spec_apparmor(&c->host, a));
	json_key(w, "ExecIDs");
	put_exec_ids(c, w);
	json_key(w, "HostConfig");
	put_host_config(c, w, a, api_minor);
	json_key(w, "GraphDriver");
	put_graph_driver(c, w, a);
	put_sizes(w, sizes);
	json_key(w, "Mounts");
	put_mounts(c, w);
	json_key(w, "Config");
	put_config(c, w, a, api_minor);
	json_key(w, "NetworkSettings");
	shape_network_settings(c, w, a, api_minor);
	json_object_close(w);
}
