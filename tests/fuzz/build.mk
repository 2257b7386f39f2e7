# SPDX-License-Identifier: Apache-2.0
#
# One block a fuzz target, in alphabetical order. Target x is tests/fuzz/fuzz_x.c and:
#
#   fuzzers += x
#   x-srcs := the exact sources it drives
#   x-libs := the libraries they need
