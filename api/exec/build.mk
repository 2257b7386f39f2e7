# SPDX-License-Identifier: Apache-2.0
srcs-y += create.c inspect.c resize.c start.c
