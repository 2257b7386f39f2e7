# SPDX-License-Identifier: Apache-2.0
srcs-$(CONFIG_METRICS) += page.c requests.c
