# SPDX-License-Identifier: Apache-2.0
srcs-$(CONFIG_CDI) += cdi.c device.c find.c scan.c spec.c
