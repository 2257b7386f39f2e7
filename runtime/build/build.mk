# SPDX-License-Identifier: Apache-2.0
srcs-y += config.c config_health.c dockerfile.c expand.c words.c
