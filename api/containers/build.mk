# SPDX-License-Identifier: Apache-2.0
srcs-y += archive.c attach.c create.c inspect.c kill.c list.c log_out.c logs.c remove.c rename.c resize.c sizes.c
srcs-y += prune.c start.c stop.c wait.c
srcs-y += changes.c commit.c pause.c stats.c top.c update.c
