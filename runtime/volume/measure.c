/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "firmware/core/file.h"
#include "runtime/volume/private.h"

struct measure_job {
	struct job job;
	const char *path;
	uint64_t bytes;
};

static int measure_run(struct job *job)
{
	struct measure_job *m = container_of(job, struct measure_job, job);

	return tree_size_at(AT_FDCWD, m->path, &m->bytes, &job->err);
}

int volume_measure(struct volume *v, uint64_t *ret, struct err *e)
{
	struct measure_job m = {.path = v->mountpoint};
	int r;

	volume_ref(v);
	r = job_run(&m.job, measure_run, JOB_LONG);
	if (r == 0)
		*ret = m.bytes;
	else if (e)
		*e = m.job.err;
	volume_unref(v);
	return r;
}
