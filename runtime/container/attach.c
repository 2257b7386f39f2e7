/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching client streams. A running container's shim gets the socket at once. Before the start
 * the client's fiber waits here with its connection, so that its hang-up is noticed; the start
 * takes the descriptors of all that wait, so that no byte of output is lost between start and
 * attach.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/container/private.h"

int container_attach_check(const struct container *c, struct err *e)
{
	if (c->status == CONTAINER_PAUSED)
		return err_set(e, ERR_CONFLICT,
			       "container %s is paused, unpause the container before attach",
			       c->id);
	if (c->status == CONTAINER_RESTARTING)
		return err_set(e, ERR_CONFLICT,
			       "container %s is restarting, wait until the container is running",
			       c->id);
	return 0;
}

int container_attach_reserve(struct container *c, struct attach_client *client, struct err *e)
{
	int r = container_attach_check(c, e);

	if (r < 0)
		return r;
	if (container_is_running(c) && c->shim) {
		struct shim *shim = c->shim;

		r = shim_reserve(shim, false, e);
		if (r == 0) {
			client->place = shim;
			return 0;
		}
		/* It may have ended just now: then the client waits for the next start. */
		if (r < 0 && e->kind != ERR_CONFLICT)
			return r;
		err_clear(e);
	}
	if (c->n_attaching >= CONFIG_SHIM_ATTACH)
		return err_set(e, ERR_UNAVAILABLE,
			       "too many clients are attached to the container");
	c->n_attaching++;
	client->counted = true;
	return 0;
}

static void uncount(struct container *c, struct attach_client *client)
{
	c->n_attaching -= client->counted;
	client->counted = false;
}

void container_attach_give_up(struct container *c, struct attach_client *client)
{
	uncount(c, client);
	if (client->place && client->place == c->shim)
		shim_unreserve(c->shim, false);
	client->place = NULL;
}

static struct shim_stream client_stream(const struct container *c, struct attach_client *client)
{
	bool reserved = client->place && client->place == c->shim;

	client->taken = true;
	client->place = NULL;
	return (struct shim_stream){
		.fd = client->take_fd(client),
		.leftover = client->leftover,
		/* Standard input is the container's only if it was opened for it. */
		.want_stdin = client->want_stdin && c->config.open_stdin,
		.want_stdout = client->want_stdout,
		.want_stderr = client->want_stderr,
		.framed = !c->config.tty && !client->websocket,
		.websocket = client->websocket,
		.ws_text = client->ws_text,
		.reserved = reserved,
		.detach_keys = client->detach_keys,
	};
}

size_t container_count_attaching(const struct container *c)
{
	const struct attach_client *client;
	size_t n = 0;

	list_for_each (client, &c->attaching, link)
		n += !client->taken;
	return n;
}

size_t container_take_attaching(struct container *c, struct shim_stream *streams, size_t max)
{
	struct attach_client *client;
	size_t n = 0;

	list_for_each (client, &c->attaching, link) {
		if (n == max)
			break;
		if (client->taken)
			continue;
		streams[n++] = client_stream(c, client);
	}
	return n;
}

void container_wake_attaching(struct container *c)
{
	struct attach_client *client;

	list_for_each (client, &c->attaching, link)
		waitq_wake_all(&client->done);
}

int container_attach(struct container *c, struct attach_client *client, struct err *e)
{
	struct shim_stream stream;
	int r = 0;

	waitq_init(&client->done);
	client->taken = false;
	container_event(c, "attach");
	if (container_is_running(c) && c->shim) {
		uncount(c, client);
		stream = client_stream(c, client);
		return shim_attach(c->shim, &stream, e);
	}
	list_push_back(&c->attaching, &client->link);
	while (r == 0 && !client->taken && !c->removed) {
		r = waitq_wait(&client->done, DEADLINE_NEVER);
		/* Those that came while it was starting follow one by one. */
		if (r == 0 && !client->taken && container_is_running(c) && c->shim) {
			list_remove(&client->link);
			uncount(c, client);
			stream = client_stream(c, client);
			return shim_attach(c->shim, &stream, e);
		}
	}
	list_remove(&client->link);
	uncount(c, client);
	if (r < 0)
		return err_sys(e, -r, "attach to container %s", c->id);
	return 0;
}
