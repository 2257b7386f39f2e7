# SPDX-License-Identifier: Apache-2.0
join-json := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c)
join-spec := $(addprefix runtime/spec/,caps.c devices.c injection.c mounts.c resources.c seccomp.c seccomp_profile.c \
	security_opt.c spec.c) runtime/model/console_size.c firmware/fmt/bind.c runtime/cdi/find.c

units += join/test_filter
join/test_filter-srcs := $(addprefix runtime/join/,filter.c filter_read.c syscalls.c) $(join-spec) \
	$(join-json)

units += join/test_command
join/test_command-srcs := runtime/join/command.c $(join-json)

units += join/test_cgroup
join/test_cgroup-srcs := runtime/join/cgroup.c $(join-json)

units += join/test_document
join/test_document-srcs := $(addprefix runtime/join/,document.c filter.c filter_read.c syscalls.c) \
	$(join-spec) $(join-json)
