# SPDX-License-Identifier: Apache-2.0
srcs-y += engine.c oci_version.c oci_version_parse.c
