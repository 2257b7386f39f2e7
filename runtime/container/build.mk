# SPDX-License-Identifier: Apache-2.0
srcs-y += attach.c container.c create.c exec.c exit.c launch.c launch_bundle.c
srcs-y += launch_network.c launch_prepare.c merge.c mounts.c names.c record.c remove.c restore.c run.c validate.c
