/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/sizes.h"

#include <errno.h>
#include <fcntl.h>

#include "firmware/core/file.h"
#include "firmware/sched/job.h"

struct measure_job {
	struct job job;
	char path[512];
	uint64_t bytes;
};

static int measure_run(struct job *job)
{
	struct measure_job *m = container_of(job, struct measure_job, job);
	int r = tree_size_at(AT_FDCWD, m->path, &m->bytes, &job->err);

	return r == -ENOENT ? 0 : r;
}

int container_measure(struct container *c, struct container_sizes *ret, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct measure_job m = {0};
	struct text_map data = {0};
	const char *upper = NULL;
	int r;

	if (arena_open(&a, POOL_NORMAL) < 0)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (c->image && snapshot_describe(c->eng->images, c->id, c->image, &a, &data) == 0)
		upper = text_map_get(&data, "UpperDir");
	if (!upper || !str_copy(m.path, sizeof(m.path), str_from(upper))) {
		*ret = (struct container_sizes){.known = true,
						.root = c->image ? c->image->size : 0};
		return 0;
	}
	r = job_run(&m.job, measure_run, JOB_LONG);
	if (r < 0) {
		*e = m.job.err;
		return m.job.err.kind ? r
				      : err_set(e, ERR_UNAVAILABLE,
						"too many operations at once; try again");
	}
	*ret = (struct container_sizes){
		.known = true, .rw = m.bytes, .root = m.bytes + (c->image ? c->image->size : 0)};
	return 0;
}
