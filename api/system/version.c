/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/reply.h"
#include "api/system/host.h"
#include "api/system/system.h"

#ifndef BUILD_COMMIT
#define BUILD_COMMIT "unknown"
#endif

/* Members that Version and its component "Engine" share. */
static void put_common(struct json_writer *w, const struct utsname *uts)
{
	json_kv_text(w, "ApiVersion", CONFIG_API_VERSION);
	json_kv_text(w, "Arch", host_arch());
	json_kv_text(w, "BuildTime", "");
	json_kv_text(w, "GitCommit", BUILD_COMMIT);
	json_kv_text(w, "GoVersion", "");
	json_kv_text(w, "KernelVersion", uts->release);
	json_kv_text(w, "MinAPIVersion", CONFIG_API_VERSION_MIN);
	json_kv_text(w, "Os", "linux");
}

static void put_component(struct json_writer *w, const char *name, const char *version,
			  const char *commit)
{
	json_object_open(w);
	json_kv_text(w, "Name", name);
	json_kv_text(w, "Version", version);
	json_key(w, "Details");
	json_object_open(w);
	json_kv_text(w, "GitCommit", commit);
	json_object_close(w);
	json_object_close(w);
}

/* GET /version */
int api_system_version(struct call *call, struct err *e)
{
	struct utsname uts = {0};
	struct oci_version runtime;
	struct json_writer w;
	struct buf out;

	http_watch_client(call->http, true);
	oci_version_get(call->eng, call->a, &runtime);
	http_watch_client(call->http, false);
	uname(&uts);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_key(&w, "Platform");
	json_object_open(&w);
	json_kv_text(&w, "Name", "Serin");
	json_object_close(&w);
	json_key(&w, "Components");
	json_array_open(&w);
	json_object_open(&w);
	json_kv_text(&w, "Name", "Engine");
	json_kv_text(&w, "Version", CONFIG_VERSION);
	json_key(&w, "Details");
	json_object_open(&w);
	put_common(&w, &uts);
	json_kv_text(&w, "Experimental", "false");
	json_object_close(&w);
	json_object_close(&w);
	if (runtime.version[0] || runtime.commit[0])
		put_component(&w, call->eng->opt->default_runtime, runtime.version, runtime.commit);
	put_component(&w, "docker-init", CONFIG_VERSION, "");
	json_array_close(&w);
	json_kv_text(&w, "Version", CONFIG_VERSION);
	put_common(&w, &uts);
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
