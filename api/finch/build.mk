# SPDX-License-Identifier: Apache-2.0
srcs-$(CONFIG_FINCH) += ancestry.c credentials.c server.c
