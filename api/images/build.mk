# SPDX-License-Identifier: Apache-2.0
srcs-y += body_source.c create.c history.c import.c inspect.c list.c load.c progress.c prune.c remove.c tag.c
