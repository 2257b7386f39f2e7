# SPDX-License-Identifier: Apache-2.0
srcs-y += create.c inspect.c list.c prune.c remove.c
