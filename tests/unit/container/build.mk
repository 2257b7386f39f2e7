# SPDX-License-Identifier: Apache-2.0
container-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c file.c map.c mem.c pool.c \
	str.c tree.c)
container-json := $(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c \
	json_check.c json_scan.c json_text.c json_write.c utf8.c)
container-common := tests/unit/container/harness.c runtime/model/config.c $(container-json) \
	$(container-core)

units += container/test_log_options
container/test_log_options-srcs := runtime/container/log_options.c runtime/container/log_address.c \
	runtime/shim/log_syslog.c $(container-json) \
	$(container-core)

units += container/test_log_tag
container/test_log_tag-srcs := runtime/container/log_tag.c runtime/container/log_attributes.c \
	firmware/fmt/pattern.c \
	firmware/fmt/pattern_match.c $(container-json) $(container-core)

units += container/test_merge
container/test_merge-srcs := runtime/container/merge.c runtime/container/log_options.c runtime/container/log_address.c \
	runtime/shim/log_syslog.c \
	$(container-common)

units += container/test_mounts
container/test_mounts-srcs := $(addprefix runtime/container/,mount_mode.c mount_plan.c mount_tmpfs.c mounts.c \
	ports.c propagation.c) \
	runtime/volume/names.c runtime/network/port_parse.c \
	$(container-common)

units += container/test_link_env
container/test_link_env-srcs := runtime/container/link_env.c runtime/network/port_parse.c \
	$(container-common)

container-fiber-$(CONFIG_FIBER_ASM) += fiber_asm.c fiber_switch_x86_64.S fiber_switch_aarch64.S
container-fiber-$(CONFIG_FIBER_PTHREAD) += fiber_pthread.c
container-sched := $(addprefix firmware/sched/,fiber.c $(container-fiber-y) io.c job.c loop.c timer.c \
	waitq.c)

units += container/test_record
container/test_record-srcs := $(addprefix runtime/container/,health_state.c persist.c record.c status.c) \
	firmware/core/log.c firmware/fmt/sha256.c $(container-sched) $(container-common)
container/test_record-libs := -lcrypto

units += container/test_validate
container/test_validate-srcs := $(addprefix runtime/container/,health_state.c limits.c mount_tmpfs.c ports.c \
	restart_policy.c validate.c version.c) runtime/cgroup/support.c \
	$(addprefix runtime/network/,port_parse.c files.c) $(addprefix runtime/spec/,caps.c devices.c \
	injection.c mounts.c resources.c seccomp.c seccomp_profile.c security_opt.c signal.c spec.c) runtime/model/console_size.c \
	runtime/cdi/find.c $(container-common)

units += container/test_detach_keys
container/test_detach_keys-srcs := runtime/container/detach_keys.c $(container-common)

units += container/test_archive_path
container/test_archive_path-srcs := runtime/container/archive_path.c

units += container/test_restart_policy
container/test_restart_policy-srcs := runtime/container/restart_policy.c firmware/core/err.c

units += container/test_look
container/test_look-srcs := $(addprefix runtime/container/,net_dev.c top_columns.c top_format.c top_parse.c top_proc.c) \
	$(addprefix firmware/core/,arena.c buf.c clock.c err.c file.c mem.c pool.c str.c tree.c)

units += container/test_health_state
container/test_health_state-srcs := runtime/container/health_state.c $(container-core)
