/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of containers: every event carries the container's labels, its image and its name.
 */
#include "firmware/core/buf.h"
#include "runtime/container/private.h"
#include "runtime/event/event.h"

#define EVENT_EXTRA_MAX 3
#define EXEC_ACTION_MAX (64u << 10)

static void publish(const struct container *c, const char *action, const struct text_pair *extra,
		    size_t n_extra)
{
	struct text_pair own[2 + EVENT_EXTRA_MAX];
	struct event_source src = {.type = EVENT_CONTAINER,
				   .action = action,
				   .id = c->id,
				   .own = own,
				   .labels = &c->config.labels};

	if (c->config.image && *c->config.image)
		own[src.n_own++] = (struct text_pair){"image", c->config.image};
	own[src.n_own++] = (struct text_pair){"name", c->name};
	for (size_t i = 0; i < n_extra && i < EVENT_EXTRA_MAX; i++)
		own[src.n_own++] = extra[i];
	event_publish(c->eng->events, &src);
}

void container_event(const struct container *c, const char *action)
{
	publish(c, action, NULL, 0);
}

void container_event_with(const struct container *c, const char *action, const char *key,
			  const char *value)
{
	struct text_pair extra = {key, value};

	publish(c, action, &extra, 1);
}

void container_event_two(const struct container *c, const char *action,
			 const struct text_pair extra[2])
{
	publish(c, action, extra, 2);
}

void container_event_number(const struct container *c, const char *action, const char *key,
			    int64_t value)
{
	char text[24];

	text_format(text, sizeof(text), "%lld", (long long)value);
	container_event_with(c, action, key, text);
}

void container_event_die(const struct container *c)
{
	char code[16], seconds[24];
	int64_t ran = c->started_ns && c->finished_ns > c->started_ns
			      ? (c->finished_ns - c->started_ns) / NSEC_PER_SEC
			      : 0;

	text_format(code, sizeof(code), "%d", c->exit_code);
	text_format(seconds, sizeof(seconds), "%lld", (long long)ran);
	if (c->oom_killed)
		container_event(c, "oom");
	container_event_two(c, "die",
			    (struct text_pair[]){{"execDuration", seconds}, {"exitCode", code}});
}

void container_event_commit(const struct container *c, const char *comment, const char *image_id,
			    const char *image_ref)
{
	const struct text_pair extra[] = {
		{"comment", comment}, {"imageID", image_id}, {"imageRef", image_ref}};

	publish(c, "commit", extra, ARRAY_LEN(extra));
}

void container_event_resize(const struct container *c, uint16_t height, uint16_t width)
{
	char h[8], w[8];

	text_format(h, sizeof(h), "%u", height);
	text_format(w, sizeof(w), "%u", width);
	container_event_two(c, "resize", (struct text_pair[]){{"height", h}, {"width", w}});
}

/* The command follows the verb: "exec_start: sh -c ls". */
void exec_event(const struct exec *x, const char *verb)
{
	CLEANUP_BUF struct buf action = {0};
	const struct texts *cmd = &x->config.cmd;

	buf_init_heap(&action, EXEC_ACTION_MAX);
	buf_printf(&action, "%s: %s ", verb, cmd->n ? cmd->items[0] : "");
	for (size_t i = 1; i < cmd->n; i++) {
		buf_puts(&action, cmd->items[i]);
		if (i + 1 < cmd->n)
			buf_putc(&action, ' ');
	}
	/* A command of many KiB is told as far as it fits. */
	container_event_with(x->container, action.n ? buf_text(&action) : verb, "execID", x->id);
}

void exec_event_die(const struct exec *x)
{
	char code[16];

	text_format(code, sizeof(code), "%d", x->exit_code);
	container_event_two(x->container, "exec_die",
			    (struct text_pair[]){{"execID", x->id}, {"exitCode", code}});
}

void network_event(const struct engine *eng, const struct network_info *net, const char *action,
		   const char *container_id)
{
	struct text_pair own[] = {
		{"name", net->name}, {"type", net->driver}, {"container", container_id}};
	struct event_source src = {.type = EVENT_NETWORK,
				   .action = action,
				   .id = net->id,
				   .own = own,
				   .n_own = container_id ? 3 : 2};

	event_publish(eng->events, &src);
}

static const struct network_info *own_network(const struct container *c)
{
	const char *mode = c->host.network_mode;

	if (c->config.network_disabled || !mode || strz_starts(mode, "container:"))
		return NULL;
	return network_find(c->eng->network, mode);
}

void container_network_event(struct container *c, bool connected)
{
	const struct network_info *net = own_network(c);

	if (c->told_connected == connected)
		return;
	c->told_connected = connected;
	if (net)
		network_event(c->eng, net, connected ? "connect" : "disconnect", c->id);
}
