# SPDX-License-Identifier: Apache-2.0
srcs-y += attach.c container.c create.c exec.c exit.c launch.c merge.c mounts.c names.c
srcs-y += record.c remove.c restore.c run.c validate.c
