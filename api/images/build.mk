# SPDX-License-Identifier: Apache-2.0
srcs-y += create.c history.c inspect.c list.c load.c progress.c prune.c remove.c tag.c
