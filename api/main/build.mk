# SPDX-License-Identifier: Apache-2.0
srcs-y += check.c check_kernel.c check_machine.c check_net.c check_runtime.c
srcs-y += config_file.c daemon.c dial_stdio.c limits.c main.c options.c relay.c
srcs-$(CONFIG_FINCH) += finch.c finch_config.c finch_flags.c
srcs-$(CONFIG_VSOCK_PROXY) += vsock_proxy.c
