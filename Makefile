# SPDX-License-Identifier: Apache-2.0
#
# One make reads every folder's build.mk; nothing recurses for building. Output goes to $(O):
#
#   $(O)/.config                  the configuration (made from board/static/defconfig if absent)
#   $(O)/include/generated/       autoconf.h, included before every source file
#   $(O)/obj/<path>.o             one object a source
#   $(O)/lib/<folder>.a           one archive a module folder
#   $(O)/serind, $(O)/serind.debug   the program, stripped and not
#
# With ARCH=arm64 (Debian's name of another architecture) obj, lib, the tests and the program are
# cross-built into $(O)/arm64/, from the same configuration; CROSS_COMPILE= alone leaves them in
# $(O). The other architecture's libraries are those that `make deps-arm64` unpacked.
#
# With SAN=address,undefined (or SAN=thread) obj, lib and the program, then dynamic, go to
# $(O)/san-<names>/ instead. `make help` lists the targets.

O ?= build
BOARD ?= static
V ?= 0
FUZZ_SECONDS ?= 10
ARCH ?=
DESTDIR ?=
PREFIX ?= /usr/local
SAN ?=

ifneq ($(words $(CURDIR)),1)
$(error The path of the source tree must not hold spaces: $(CURDIR))
endif

all:

.SECONDEXPANSION:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
else
Q :=
say =
endif

# ---- tools ---------------------------------------------------------------------------------

triplet-amd64 := x86_64-linux-gnu
triplet-arm64 := aarch64-linux-gnu
this-triplet := $(shell uname -m)-linux-gnu
given-arch := $(ARCH)
ifneq ($(ARCH),)
ifeq ($(triplet-$(ARCH)),)
$(error ARCH=$(ARCH): amd64 and arm64 are known)
endif
ifeq ($(triplet-$(ARCH)),$(this-triplet))
override ARCH :=
else
CROSS_COMPILE ?= $(triplet-$(ARCH))-
endif
endif
CROSS_COMPILE ?=
# What is cross-built for, its libraries (of this machine's own packages, if none are unpacked),
# and what runs it here.
cross := $(filter-out $(this-triplet),$(patsubst %-,%,$(notdir $(CROSS_COMPILE))))
ifneq ($(cross),)
cross-arch := $(firstword $(foreach a,amd64 arm64,$(if $(filter $(cross),$(triplet-$a)),$a)) $(cross))
SYSROOT ?= $(firstword $(wildcard $(O)/sysroot-$(cross-arch) build/sysroot-$(cross-arch)))
EMULATOR ?= qemu-$(firstword $(subst -, ,$(cross)))
ifneq ($(SYSROOT),)
sysroot-cflags := --sysroot=$(abspath $(SYSROOT)) -isystem $(SYSROOT)/usr/include/$(cross) \
	-isystem $(SYSROOT)/usr/include
# Before the compiler's own: its C library is older than the packages'.
sysroot-ldflags := -B$(SYSROOT)/usr/lib/$(cross) -L$(SYSROOT)/usr/lib/$(cross)
endif
endif
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(CROSS_COMPILE)gcc
endif
ifneq ($(if $(cross),$(findstring clang,$(CC))),)
sysroot-cflags += --target=$(cross)
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := $(CROSS_COMPILE)ar
endif
STRIP ?= $(CROSS_COMPILE)strip
CLANG ?= clang
PYTHON ?= /usr/bin/python3
# Programs that `deps` could only unpack, not install, are found here.
export PATH := $(abspath $(O))/tools:$(PATH)
KCONF ?= kconfig-conf
MCONF ?= kconfig-mconf

# ---- configuration -------------------------------------------------------------------------

# Goals that need neither a configuration nor the kconfig tools.
plain-goals := help clean distclean deps deps-arm64 deps-test deps-guest deps-bench format lint test-configs bench-vm %config
goals := $(or $(MAKECMDGOALS),all)
need-config := $(filter-out $(plain-goals),$(goals))

config := $(O)/.config
auto := $(O)/include/config/auto.conf
autoconf := $(O)/include/generated/autoconf.h
kconfigs := Kconfig $(wildcard firmware/Kconfig firmware/*/Kconfig runtime/Kconfig \
	runtime/*/Kconfig api/Kconfig api/*/Kconfig rootfs/*/Kconfig)

# kconfig writes beside its working directory, and finds sources through $srctree.
kconfig-prepare = $(Q)mkdir -p $(O)/kconfig $(O)/include/config $(O)/include/generated; \
	for top in firmware runtime api rootfs; do \
		ls $$top/Kconfig $$top/*/Kconfig 2>/dev/null | \
			sed 's/.*/source "&"/' >$(O)/kconfig/$$top.new; \
		cmp -s $(O)/kconfig/$$top.new $(O)/kconfig/$$top || \
			cp $(O)/kconfig/$$top.new $(O)/kconfig/$$top; \
		rm -f $(O)/kconfig/$$top.new; \
	done
kconfig-run = cd $(O) && srctree=$(CURDIR) \
	KCONFIG_AUTOHEADER=include/generated/autoconf.h.new $(1) Kconfig

ifneq ($(need-config),)
-include $(auto)
endif

# ThreadSanitizer follows threads, not stacks that switch: there the fibers are threads.
ifneq ($(findstring thread,$(SAN)),)
override CONFIG_FIBER_ASM :=
override CONFIG_FIBER_PTHREAD := y
san-header := -include tests/unit/tsan.h
endif

$(config):
	$(kconfig-prepare)
	$(call say,CONFIG,board/$(BOARD)/defconfig)
	$(Q)$(call kconfig-run,$(KCONF) -s --defconfig=$(CURDIR)/board/$(BOARD)/defconfig) >/dev/null

# The header changes only when its text does: an option nobody turned rebuilds nothing.
$(auto): $(config) $(kconfigs)
	$(kconfig-prepare)
	$(Q)$(call kconfig-run,$(KCONF) -s --olddefconfig) >/dev/null
	$(Q)$(call kconfig-run,$(KCONF) -s --silentoldconfig) >/dev/null
	$(Q)cmp -s $(autoconf).new $(autoconf) || cp $(autoconf).new $(autoconf)
	$(Q)rm -f $(autoconf).new
	$(Q)touch $(auto)

$(autoconf): $(auto) ;

menuconfig: $(config)
	$(kconfig-prepare)
	$(Q)$(call kconfig-run,$(MCONF))

defconfig: $(BOARD)_defconfig

%_defconfig: board/%/defconfig
	$(kconfig-prepare)
	$(call say,CONFIG,$<)
	$(Q)$(call kconfig-run,$(KCONF) -s --defconfig=$(CURDIR)/$<) >/dev/null

allyesconfig allnoconfig alldefconfig randconfig olddefconfig oldconfig:
	$(kconfig-prepare)
	$(Q)$(call kconfig-run,$(KCONF) --$@)

# The shortest file that gives this configuration: what board/<name>/defconfig holds.
savedefconfig: $(config)
	$(kconfig-prepare)
	$(Q)$(call kconfig-run,$(KCONF) --savedefconfig=defconfig)
	@echo "written: $(O)/defconfig"

# ---- flags ---------------------------------------------------------------------------------

comma := ,
B := $(O)$(if $(ARCH),/$(ARCH))$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

warnings := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Werror
common := -std=gnu11 -g -D_GNU_SOURCE $(sysroot-cflags) -I. -I$(O)/include -include $(autoconf) $(san-header)
harden := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
frame := -Wframe-larger-than=2048
sections := -ffunction-sections -fdata-sections
sanitize = -fsanitize=$(1) -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fno-optimize-sibling-calls

ifneq ($(SAN),)
# Instrumented frames are larger, and instrumented control flow misleads the warnings about it.
san-cflags := $(call sanitize,$(SAN)) -Wno-maybe-uninitialized -Wno-stringop-overread
ifneq ($(findstring clang,$(CC)),)
san-cflags := $(call sanitize,$(SAN))
endif
build-cflags = $(common) $(warnings) $(sections) -O1 $(san-cflags)
build-ldflags = -Wl,--gc-sections
unit-cflags = $(common) $(warnings) -O1 $(san-cflags)
else
ifeq ($(CONFIG_STATIC_PIE),y)
pie := -fPIE
# Libraries' unwind tables are for the debugger too (firmware/core/unwind.ld).
link-kind := -static-pie -Wl,-T,firmware/core/unwind.ld -Wl,--no-eh-frame-hdr
strip-tables := -R .eh_frame
# Packs the relocations of a position-independent program to a few per cent of their size.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
link-kind += -Wl,-z,pack-relative-relocs
endif
else
pie := -fno-pie
link-kind := -static -no-pie
endif
# No unwind tables in the program; the debugger reads .debug_frame of serind.debug.
build-cflags = $(common) $(warnings) $(frame) $(harden) $(sections) $(pie) -Os \
	-fno-asynchronous-unwind-tables -fno-unwind-tables
link-scripts := firmware/core/seldom.ld firmware/core/unwind.ld
# What seldom runs is linked apart from what always does (firmware/core/seldom.ld).
build-ldflags = $(sysroot-ldflags) $(link-kind) -Wl,-T,firmware/core/seldom.ld -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
# The limit on frames is for code that runs on fibers, not for the tests themselves.
unit-cflags = $(common) $(warnings) $(if $(filter tests/%,$<),,$(frame)) $(harden) -Os
endif

# ---- module folders ------------------------------------------------------------------------

# Reads folder $(1): what its fragment adds to srcs-y, cflags-y and libs-y becomes the folder's.
define read-folder
srcs-y :=
cflags-y :=
libs-y :=
include $(1)/build.mk
srcs/$(1) := $$(addprefix $(1)/,$$(srcs-y))
cflags/$(1) := $$(cflags-y)
all-libs += $$(libs-y)
endef

fragments = $(patsubst %/build.mk,%,$(wildcard $(1)))
init-folders := $(call fragments,rootfs/init/build.mk)
main-folders := $(call fragments,api/main/build.mk)
api-folders := $(filter-out api/main,$(call fragments,api/build.mk api/*/build.mk))
runtime-folders := $(call fragments,runtime/build.mk runtime/*/build.mk)
firmware-folders := $(call fragments,firmware/build.mk firmware/*/build.mk)
folders := $(main-folders) $(api-folders) $(runtime-folders) $(firmware-folders)
$(foreach f,$(folders) $(init-folders),$(eval $(call read-folder,$(f))))

archive-of = $(B)/lib/$(subst /,_,$(1)).a
objects-of = $(patsubst %,$(B)/obj/%.o,$(basename $(srcs/$(1))))
full-folders := $(foreach f,$(folders),$(if $(strip $(srcs/$(f))),$(f)))
archives := $(foreach f,$(full-folders),$(call archive-of,$(f)))
init-archive := $(call archive-of,$(init-folders))
objects := $(foreach f,$(full-folders) $(init-folders),$(call objects-of,$(f)))

# Rewritten when the compiler or a flag changes, so that objects follow.
ifneq ($(need-config),)
flags-now := $(CC) $(build-cflags) $(foreach f,$(folders),$(f):$(cflags/$(f)))
$(shell mkdir -p $(B); printf '%s\n' '$(flags-now)' | cmp -s - $(B)/.flags || \
	printf '%s\n' '$(flags-now)' >$(B)/.flags)
endif

define folder-rules
$(call objects-of,$(1)): folder-cflags := $(cflags/$(1))
$(call archive-of,$(1)): $(call objects-of,$(1)) $(1)/build.mk
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D); rm -f $$@; $$(AR) rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(full-folders) $(init-folders),$(eval $(call folder-rules,$(f))))

$(B)/obj/%.o: %.c $(autoconf) $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(build-cflags) $(folder-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: %.S $(autoconf) $(B)/.flags
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(build-cflags) $(folder-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(objects:.o=.d)

# ---- the program ---------------------------------------------------------------------------

libs-y :=
libs-$(CONFIG_TLS) += -lmbedtls -lmbedx509 -lmbedcrypto
libs-$(CONFIG_ZSTD) += -lzstd
libs-$(CONFIG_BZIP2) += -lbz2
libs-$(CONFIG_XZ) += -llzma
libs-$(CONFIG_YAML) += -lyaml
libraries := $(sort $(all-libs) $(libs-y) -larchive -lz -lcrypto -lcares) -lpthread

$(B)/serind.debug: $(archives) $(B)/.flags $(link-scripts)
	$(call say,LD,$@)
	$(Q)$(CC) $(build-cflags) $(CFLAGS) $(build-ldflags) -Wl,-Map,$(B)/serind.map -o $@ \
		-Wl,--start-group $(archives) $(libraries) -Wl,--end-group $(LDFLAGS)

$(B)/serind: $(B)/serind.debug
	$(call say,STRIP,$@)
	$(Q)$(STRIP) -s -R .comment $(strip-tables) -o $@ $<

# The guest's first process, a program of its own that takes of the modules what it uses.
$(B)/init.debug: $(init-archive) $(archives) $(B)/.flags $(link-scripts)
	$(call say,LD,$@)
	$(Q)$(CC) $(build-cflags) $(CFLAGS) $(build-ldflags) -o $@ \
		-Wl,--start-group $(init-archive) $(archives) -Wl,--end-group $(LDFLAGS)

$(B)/init: $(B)/init.debug
	$(call say,STRIP,$@)
	$(Q)$(STRIP) -s -R .comment $(strip-tables) -o $@ $<

all: $(if $(strip $(srcs/api/main)),$(B)/serind,$(archives))
all: $(if $(CONFIG_INIT),$(if $(SAN),,$(B)/init))

# Bytes of the program by module folder and by library, as the linker really put them in.
size: $(B)/serind
	$(Q)awk -v top='$(CURDIR)' -f tests/size.awk $(B)/serind.map
	@ls -l $(B)/serind | awk '{ printf "%9d  the file %s\n", $$5, $$NF }'

# ---- unit tests ----------------------------------------------------------------------------

units :=
ifneq ($(need-config),)
-include $(wildcard tests/unit/*/build.mk)
endif

unit-objects = $(patsubst %,$(B)/unit/obj/%.o,$(basename tests/unit/$(1).c $(value $(1)-srcs)))
unit-binaries := $(addprefix $(B)/unit/,$(units))
unit-kind := $(or $(SAN),plain)
# Programs of another architecture run in the emulator, with its libraries.
unit-env := $(if $(cross),EMULATOR=$(EMULATOR) QEMU_LD_PREFIX=$(abspath $(or $(SYSROOT),/usr/$(cross))))

define unit-rules
$(B)/unit/$(1): $(call unit-objects,$(1))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(unit-cflags) $$(sysroot-ldflags) -o $$@ $$^ $$($(1)-libs) -lcmocka -lpthread -lm
endef
$(foreach u,$(units),$(eval $(call unit-rules,$(u))))

$(B)/unit/obj/%.o: %.c $(autoconf) $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(unit-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/unit/obj/%.o: %.S $(autoconf) $(B)/.flags
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(unit-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

unit-all-objects := $(sort $(foreach u,$(units),$(call unit-objects,$(u))))
.SECONDARY: $(unit-all-objects)
-include $(unit-all-objects:.o=.d)

unit-build: $(unit-binaries)

test-unit: unit-build
	$(Q)$(unit-env) sh tests/unit/run $(unit-kind) $(unit-binaries)

# One test alone: make unit-core/test_arena
$(addprefix unit-,$(units)): unit-%: $(B)/unit/%
	$(Q)$(unit-env) sh tests/unit/run $(unit-kind) $<

# ---- fuzzing -------------------------------------------------------------------------------

fuzzers :=
ifneq ($(need-config),)
-include tests/fuzz/build.mk
endif

F := $(O)/fuzz
fuzz-san := address,undefined
fuzz-cflags = $(common) $(warnings) -O1 $(call sanitize,$(fuzz-san)) -DFUZZING=1
fuzz-objects = $(patsubst %,$(F)/obj/%.o,$(basename tests/fuzz/fuzz_$(1).c $(value $(1)-srcs)))

define fuzz-rules
$(F)/fuzz_$(1): $(call fuzz-objects,$(1))
	$$(call say,LD,$$@)
	$$(Q)$$(CLANG) $$(fuzz-cflags) -fsanitize=fuzzer -o $$@ $$^ $$($(1)-libs) -lpthread
fuzz-$(1): $(F)/fuzz_$(1)
	$$(Q)sh tests/fuzz/run $(F) $$(FUZZ_SECONDS) $(1)
endef
$(foreach f,$(fuzzers),$(eval $(call fuzz-rules,$(f))))

$(F)/obj/%.o: %.c $(autoconf)
	$(call say,FUZZCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(fuzz-cflags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(F)/obj/%.o: %.S $(autoconf)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(fuzz-cflags) -MMD -MP -c -o $@ $<

fuzz-all-objects := $(sort $(foreach f,$(fuzzers),$(call fuzz-objects,$(f))))
.SECONDARY: $(fuzz-all-objects)
-include $(fuzz-all-objects:.o=.d)

fuzz-build: $(fuzzers:%=$(F)/fuzz_%)

fuzz: fuzz-build
	$(Q)sh tests/fuzz/run $(F) $(FUZZ_SECONDS) $(fuzzers)

# ---- the other tests -----------------------------------------------------------------------

# Cross-built without a warning, and the unit tests in the emulator.
test-arm64:
ifeq ($(this-triplet),$(triplet-arm64))
	@echo "arm64: this machine"; echo "0 passed, 0 failed, 0 skipped"
else
	$(Q)if command -v $(triplet-arm64)-gcc >/dev/null && [ -e $(O)/sysroot-arm64/.packages ]; then \
		$(MAKE) --no-print-directory ARCH=arm64 all && \
		$(MAKE) --no-print-directory ARCH=arm64 test-unit; \
	else \
		echo "arm64: no cross compiler or no libraries for it (make deps-arm64)"; \
		echo "0 passed, 0 failed, 1 skipped"; \
	fi
endif

lint:
	$(Q)sh tests/lint/run

# All-on, all-off and every board build and start.
test-configs:
	$(Q)sh tests/configs $(O)/configs

test-e2e: all
	$(Q)$(PYTHON) tests/e2e/run.py --serind $(O)/serind --proofs $(O)/proofs.md

# The guest image booted in QEMU: cgroup v2, runc and crun, vsock. Not a part of `test`. Both
# architectures one after the other, unless ARCH says which.
ifneq ($(given-arch),)
test-vm: all
	$(Q)$(PYTHON) -B tests/vm/run --serind $(B)/serind --out $(B)/vm \
		--cc '$(CC) $(sysroot-cflags) $(sysroot-ldflags)'
else
vm-results := $(O)/vm-results
test-vm:
	@mkdir -p $(O); rm -f $(vm-results)
	@sh tests/stage $(vm-results) amd64 $(MAKE) --no-print-directory ARCH=amd64 test-vm
	@sh tests/stage $(vm-results) arm64 $(MAKE) --no-print-directory ARCH=arm64 test-vm
	@sh tests/total $(vm-results)
endif

# What each board weighs, how soon its guest serves, how little memory it needs. BOARDS="qemu finch"
# (or an architecture) for some; each is built from its own defconfig.
bench-vm:
	$(Q)O=$(O) $(PYTHON) -B tests/vm/bench --out $(O)/bench-vm --boards '$(BOARDS)' \
		--sysroot '$(firstword $(wildcard $(O)/sysroot-arm64 build/sysroot-arm64))'
# Real vsock between a host and a guest, one emulated in the other: minutes.
test-vm-nested: all
	$(Q)$(PYTHON) -B tests/vm/run --serind $(O)/serind --out $(O)/vm --filter nested

bench: all
	$(Q)O=$(O) tests/bench/run $(O)/serind

# Every stage runs even if one fails; each ends in `N passed, N failed, N skipped`, and so does
# the whole.
results := $(O)/test-results
stage = @sh tests/stage $(results)
test:
	@mkdir -p $(O); rm -f $(results)
	$(stage) build $(MAKE) --no-print-directory all
	$(stage) lint $(MAKE) --no-print-directory lint
	$(stage) configs $(MAKE) --no-print-directory test-configs
	$(stage) unit $(MAKE) --no-print-directory test-unit
	$(stage) unit-asan-ubsan $(MAKE) --no-print-directory test-unit SAN=address,undefined
	$(stage) unit-tsan $(MAKE) --no-print-directory test-unit SAN=thread
	$(stage) arm64 $(MAKE) --no-print-directory test-arm64
	$(stage) fuzz $(MAKE) --no-print-directory fuzz
	$(stage) e2e $(MAKE) --no-print-directory test-e2e
	@sh tests/total $(results)

# ---- installing and running ----------------------------------------------------------------

deps:
	$(Q)sh board/static/deps build

# The cross compiler, and the libraries of the other architecture in a folder of their own.
deps-arm64:
	$(Q)O=$(O) sh board/static/deps build arm64

deps-test:
	$(Q)O=$(O) sh board/static/deps build run test arm64

deps-guest:
	$(Q)O=$(O) sh board/static/deps build test arm64 guest

deps-bench:
	$(Q)O=$(O) sh board/static/deps build run test bench

run: all
	$(Q)mkdir -p run
	$(O)/serind -H unix://$(CURDIR)/run/serind.sock --data-root $(CURDIR)/run/data \
		--exec-root $(CURDIR)/run/exec --pidfile $(CURDIR)/run/serind.pid $(ARGS)

install: all
	install -D -m 755 $(O)/serind $(DESTDIR)$(PREFIX)/bin/serind
	sh board/static/install-unit $(PREFIX) $(DESTDIR)

# A Debian package of what is in $(O); after a cross build, of that architecture.
deb: all
	$(Q)sh board/static/deb $(B)/serind $(O) $(patsubst "%",%,$(CONFIG_VERSION))

format:
	$(Q)sh tests/lint/format --fix

clean:
	$(Q)rm -rf $(O)/obj $(O)/lib $(O)/unit $(O)/fuzz $(O)/san-* $(O)/configs $(O)/serind $(O)/serind.* $(O)/init $(O)/init.*
	$(Q)rm -f $(O)/.flags $(O)/test-results*

distclean:
	$(Q)rm -rf $(O)

define help-text
Building       all (default)  size  clean  distclean  install DESTDIR= PREFIX=  deb  run ARGS=
Configuration  menuconfig  defconfig  <board>_defconfig  savedefconfig  olddefconfig
               allyesconfig  allnoconfig     (boards: $(notdir $(patsubst %/,%,$(dir $(wildcard board/*/defconfig)))))
Packages       deps  deps-arm64  deps-test  deps-guest  deps-bench   (Debian 12 and 13, as root)
Tests          test  test-unit [SAN=address,undefined | SAN=thread]  unit-<area>/<test>
               lint  fuzz  fuzz-<name> [FUZZ_SECONDS=10]  test-configs  test-e2e  test-arm64  test-vm  test-vm-nested  bench  bench-vm
Source         format
Variables      O=build  CC=gcc|clang  ARCH=arm64|amd64  CROSS_COMPILE=aarch64-linux-gnu-  SAN=  V=1  BOARD=static  BOARDS=
endef

help:
	$(info $(help-text))@:

FORCE:
.PHONY: all size unit-build test-unit fuzz-build fuzz lint test-configs test-e2e test-arm64 test-vm test-vm-nested bench bench-vm test deps deps-arm64 deps-test deps-guest \
	deps-bench run install deb format clean distclean help FORCE menuconfig defconfig savedefconfig \
	allyesconfig allnoconfig alldefconfig randconfig olddefconfig oldconfig
.PHONY: $(addprefix unit-,$(units)) $(addprefix fuzz-,$(fuzzers))
