# SPDX-License-Identifier: Apache-2.0
srcs-y += host.c info.c ping.c refusals.c version.c
