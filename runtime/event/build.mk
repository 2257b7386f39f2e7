# SPDX-License-Identifier: Apache-2.0
srcs-y += bus.c filter.c
