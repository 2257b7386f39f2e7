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
# `make help` lists the targets.

O ?= build
BOARD ?= static
V ?= 0
FUZZ_SECONDS ?= 10
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

CROSS_COMPILE ?=
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(CROSS_COMPILE)gcc
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := $(CROSS_COMPILE)ar
endif
STRIP ?= $(CROSS_COMPILE)strip
CLANG ?= clang
KCONF ?= kconfig-conf
MCONF ?= kconfig-mconf

# ---- configuration -------------------------------------------------------------------------

# Goals that need neither a configuration nor the kconfig tools.
plain-goals := help clean distclean deps deps-test deps-bench format %config lint-list
goals := $(or $(MAKECMDGOALS),all)
need-config := $(filter-out $(plain-goals),$(goals))

config := $(O)/.config
auto := $(O)/include/config/auto.conf
autoconf := $(O)/include/generated/autoconf.h
kconfigs := Kconfig $(wildcard firmware/Kconfig firmware/*/Kconfig runtime/Kconfig \
	runtime/*/Kconfig api/Kconfig api/*/Kconfig)

# kconfig writes beside its working directory, and finds sources through $srctree.
kconfig-prepare = $(Q)mkdir -p $(O)/kconfig $(O)/include/config $(O)/include/generated; \
	for top in firmware runtime api; do \
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

warnings := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Werror
common := -std=gnu11 -g -D_GNU_SOURCE -I. -I$(O)/include -include $(autoconf)
harden := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
frame := -Wframe-larger-than=2048
shape := -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables
ifeq ($(CONFIG_STATIC_PIE),y)
pie := -fPIE
link-kind := -static-pie
else
pie := -fno-pie
link-kind := -static -no-pie
endif
optimize := -Os
build-cflags = $(common) $(warnings) $(frame) $(harden) $(shape) $(pie) $(optimize)
build-ldflags = $(link-kind) -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

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
main-folders := $(call fragments,api/main/build.mk)
api-folders := $(filter-out api/main,$(call fragments,api/build.mk api/*/build.mk))
runtime-folders := $(call fragments,runtime/build.mk runtime/*/build.mk)
firmware-folders := $(call fragments,firmware/build.mk firmware/*/build.mk)
folders := $(main-folders) $(api-folders) $(runtime-folders) $(firmware-folders)
$(foreach f,$(folders),$(eval $(call read-folder,$(f))))

archive-of = $(O)/lib/$(subst /,_,$(1)).a
objects-of = $(patsubst %,$(O)/obj/%.o,$(basename $(srcs/$(1))))
full-folders := $(foreach f,$(folders),$(if $(srcs/$(f)),$(f)))
archives := $(foreach f,$(full-folders),$(call archive-of,$(f)))
objects := $(foreach f,$(full-folders),$(call objects-of,$(f)))

# Rewritten when the compiler or a flag changes, so that objects follow.
ifneq ($(need-config),)
flags-now := $(CC) $(build-cflags) $(foreach f,$(folders),$(f):$(cflags/$(f)))
$(shell mkdir -p $(O); printf '%s\n' '$(flags-now)' | cmp -s - $(O)/.flags || \
	printf '%s\n' '$(flags-now)' >$(O)/.flags)
endif

define folder-rules
$(call objects-of,$(1)): folder-cflags := $(cflags/$(1))
$(call archive-of,$(1)): $(call objects-of,$(1)) $(1)/build.mk
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D); rm -f $$@; $$(AR) rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(full-folders),$(eval $(call folder-rules,$(f))))

$(O)/obj/%.o: %.c $(autoconf) $(O)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(build-cflags) $(folder-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/%.o: %.S $(autoconf) $(O)/.flags
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(build-cflags) $(folder-cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(objects:.o=.d)

# ---- the program ---------------------------------------------------------------------------

libs-$(CONFIG_TLS) += -lmbedtls -lmbedx509 -lmbedcrypto
libs-$(CONFIG_ZSTD) += -lzstd
libraries := $(sort $(all-libs) $(libs-y)) -larchive -lz -lcrypto -lcares

$(O)/serind.debug: $(archives)
	$(call say,LD,$@)
	$(Q)$(CC) $(build-cflags) $(build-ldflags) -Wl,-Map,$(O)/serind.map -o $@ \
		-Wl,--start-group $(archives) $(libraries) -Wl,--end-group $(LDFLAGS)

$(O)/serind: $(O)/serind.debug
	$(call say,STRIP,$@)
	$(Q)$(STRIP) -s -R .comment -o $@ $<

ifneq ($(srcs/api/main),)
all: $(O)/serind
else
all: $(archives)
endif

clean:
	$(Q)rm -rf $(O)/obj $(O)/lib $(O)/unit $(O)/fuzz $(O)/san-* $(O)/serind $(O)/serind.*

FORCE:
.PHONY: all clean FORCE
