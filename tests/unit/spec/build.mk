# SPDX-License-Identifier: Apache-2.0
spec-srcs := $(addprefix runtime/spec/,caps.c devices.c injection.c mounts.c resources.c seccomp.c \
	seccomp_profile.c security_opt.c spec.c) runtime/cdi/find.c runtime/model/console_size.c \
	$(addprefix firmware/fmt/,bind.c json.c json_check.c json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c)

units += spec/test_signal
spec/test_signal-srcs := runtime/spec/signal.c firmware/core/str.c firmware/core/err.c

units += spec/test_spec
spec/test_spec-srcs := $(spec-srcs)

units += spec/test_security
spec/test_security-srcs := $(spec-srcs)
