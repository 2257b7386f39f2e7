# SPDX-License-Identifier: Apache-2.0
#
# Every C file is as clang-format leaves it.

exec sh tests/lint/format --check
