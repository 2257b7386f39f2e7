# SPDX-License-Identifier: Apache-2.0
cdi-srcs-$(CONFIG_CDI) := $(addprefix runtime/cdi/,cdi.c device.c find.c scan.c spec.c) \
	$(addprefix runtime/spec/,caps.c devices.c injection.c mounts.c resources.c seccomp.c \
	seccomp_profile.c security_opt.c spec.c) runtime/model/console_size.c \
	$(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c json.c json_check.c json_scan.c \
	json_text.c json_write.c utf8.c yaml.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c file.c mem.c tree.c pool.c str.c)

units-cdi-$(CONFIG_CDI) := cdi/test_cdi
units += $(units-cdi-y)
cdi/test_cdi-srcs := $(cdi-srcs-y)
cdi/test_cdi-libs := -lyaml
