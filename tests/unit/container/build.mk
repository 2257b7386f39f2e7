# SPDX-License-Identifier: Apache-2.0
units += container/test_archive_path
container/test_archive_path-srcs := runtime/container/archive_path.c
