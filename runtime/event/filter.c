/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters as the engine understands them: what one key asks for is or-ed, the keys are and-ed, and
 * labels are and-ed too. A filter by container, network and so on is about the actor's ID or name,
 * whatever the type of the event; a filter by image also finds the containers made of it.
 */
#include "runtime/event/event.h"

static const char *const key_names[] = {
	[EVENT_BY_TYPE] = "type",     [EVENT_BY_ACTION] = "event",
	[EVENT_BY_SCOPE] = "scope",   [EVENT_BY_IMAGE] = "image",
	[EVENT_BY_LABEL] = "label",   [EVENT_BY_CONTAINER] = "container",
	[EVENT_BY_DAEMON] = "daemon", [EVENT_BY_NETWORK] = "network",
	[EVENT_BY_VOLUME] = "volume", [EVENT_BY_PLUGIN] = "plugin",
	[EVENT_BY_NODE] = "node",     [EVENT_BY_SERVICE] = "service",
	[EVENT_BY_SECRET] = "secret", [EVENT_BY_CONFIG] = "config",
};

const char *event_filter_key_name(enum event_filter_key k)
{
	return key_names[k];
}

static bool has(const struct texts *wanted, const char *text, size_t n)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (strlen(wanted->items[i]) == n && !memcmp(wanted->items[i], text, n))
			return true;
	return false;
}

static bool has_prefix(const struct texts *wanted, const char *text)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (strz_starts(text, wanted->items[i]))
			return true;
	return false;
}

static bool action_matches(const struct texts *wanted, const char *action)
{
	/* These carry a command or a state behind a colon. */
	static const char *const open[] = {"health_status", "exec_create", "exec_start"};

	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		if (texts_contain(wanted, open[i]))
			return has_prefix(wanted, action);
	return has(wanted, action, strlen(action));
}

/* With and without a tag. */
static bool is_image(const struct texts *wanted, const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
	size_t n = strlen(name);

	return has(wanted, name, n) || (colon && has(wanted, name, (size_t)(colon - name)));
}

static const char *attribute(const struct event *ev, const char *key)
{
	const char *value = text_map_get(&ev->attributes, key);

	return value ? value : "";
}

static bool labels_match(const struct texts *wanted, const struct event *ev)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const char *eq = strchr(wanted->items[i], '=');
		size_t n = eq ? (size_t)(eq - wanted->items[i]) : strlen(wanted->items[i]);
		bool hit = false;

		for (size_t k = 0; k < ev->attributes.n && !hit; k++) {
			const struct text_pair *p = &ev->attributes.items[k];

			hit = strlen(p->key) == n && !memcmp(p->key, wanted->items[i], n) &&
			      (!eq || !strcmp(p->value, eq + 1));
		}
		if (!hit)
			return false;
	}
	return true;
}

static bool key_matches(enum event_filter_key k, const struct texts *wanted, const struct event *ev)
{
	switch (k) {
	case EVENT_BY_TYPE:
		return texts_contain(wanted, event_type_name(ev->type));
	case EVENT_BY_ACTION:
		return action_matches(wanted, ev->action);
	case EVENT_BY_SCOPE:
		return texts_contain(wanted, "local");
	case EVENT_BY_IMAGE:
		return is_image(wanted, ev->id) ||
		       is_image(wanted, attribute(ev, ev->type == EVENT_IMAGE ? "name" : "image"));
	case EVENT_BY_LABEL:
		return labels_match(wanted, ev);
	default:
		return has_prefix(wanted, ev->id) || has_prefix(wanted, attribute(ev, "name"));
	}
}

bool event_filter_match(const struct event_filter *f, const struct event *ev)
{
	for (size_t k = 0; k < EVENT_FILTER_KEYS; k++)
		if (f->by[k] && f->by[k]->n && !key_matches((enum event_filter_key)k, f->by[k], ev))
			return false;
	return true;
}
