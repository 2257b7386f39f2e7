# SPDX-License-Identifier: Apache-2.0
units += cgroup/test_parse
cgroup/test_parse-srcs := runtime/cgroup/parse.c $(addprefix firmware/core/,arena.c buf.c err.c mem.c \
	pool.c str.c)
