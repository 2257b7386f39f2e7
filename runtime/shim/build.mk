# SPDX-License-Identifier: Apache-2.0
# The pumps and the log writer are what every byte of output goes through: for speed, not size.
cflags-y += -O2
srcs-y += attach.c attach_new.c
srcs-y += cgroup.c
srcs-y += client.c client_call.c client_start.c
srcs-y += console.c
srcs-y += control.c
srcs-y += detach_keys.c
srcs-y += direct.c
srcs-y += exit_file.c
srcs-y += init.c
srcs-y += launch.c
srcs-y += log.c log_file.c log_gzip.c log_journal.c log_line.c log_local.c log_plan.c log_remote.c
srcs-y += log_split.c log_syslog.c log_tls.c
srcs-y += process.c
srcs-y += protocol.c
srcs-y += pump.c
srcs-y += runtime_error.c
srcs-y += shim_main.c
srcs-$(CONFIG_WEBSOCKET) += websocket.c
