# SPDX-License-Identifier: Apache-2.0
units += engine/test_oci_version
engine/test_oci_version-srcs := runtime/oci_version_parse.c firmware/core/str.c firmware/core/err.c
