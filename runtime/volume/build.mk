# SPDX-License-Identifier: Apache-2.0
srcs-y += change.c measure.c mount.c names.c options.c populate.c record.c store.c
