# SPDX-License-Identifier: Apache-2.0
srcs-y += ipam.c
srcs-y += nat.c
srcs-y += nft.c
