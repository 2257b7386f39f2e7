# SPDX-License-Identifier: Apache-2.0
srcs-y += devices.c build_prune.c auth.c df.c events.c host.c info.c ping.c refusals.c version.c
