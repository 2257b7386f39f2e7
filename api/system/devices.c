/* SPDX-License-Identifier: Apache-2.0 */
#include "api/system/devices.h"

#include "firmware/core/config.h"

#define SHOWN_SINCE 50

static int list_devices(struct job *job)
{
	struct device_listing *l = container_of(job, struct device_listing, job);

	return cdi_list(l->dirs, l->a, &l->names, &l->problems);
}

void device_listing_read(struct device_listing *l, struct call *call)
{
	*l = (struct device_listing){.dirs = &call->eng->opt->cdi_spec_dirs, .a = call->a};
	if (!CONFIG(CDI) || !l->dirs->n || call->api_minor < SHOWN_SINCE)
		return;
	if (job_run(&l->job, list_devices, JOB_SHORT) < 0)
		l->names = l->problems = (struct texts){0};
}

void device_listing_write(const struct device_listing *l, struct json_writer *w)
{
	if (!l->names.n)
		return;
	json_key(w, "DiscoveredDevices");
	json_array_open(w);
	for (size_t i = 0; i < l->names.n; i++) {
		json_object_open(w);
		json_kv_text(w, "Source", "cdi");
		json_kv_text(w, "ID", l->names.items[i]);
		json_object_close(w);
	}
	json_array_close(w);
}
