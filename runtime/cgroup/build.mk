# SPDX-License-Identifier: Apache-2.0
srcs-y += cgroup.c freeze.c parse.c pids.c stats.c support.c update.c
