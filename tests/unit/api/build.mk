# SPDX-License-Identifier: Apache-2.0
api-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c mem.c pool.c str.c)
api-json := $(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c \
	json_check.c json_scan.c json_text.c json_write.c utf8.c)

units += api/test_coding
api/test_coding-srcs := api/router/coding.c $(api-core)

units += api/test_route
api/test_route-srcs := api/router/match.c $(api-core)

units += api/test_query
api/test_query-srcs := api/router/query.c firmware/net/http_url.c \
	$(addprefix firmware/fmt/,pattern.c pattern_match.c) \
	$(api-json) $(api-core)

units += api/test_text
api/test_text-srcs := api/shape/text.c $(api-json) $(api-core)

units += api/test_options
api/test_options-srcs := api/main/options.c api/main/config_file.c firmware/net/tcp.c \
	runtime/container/log_options.c runtime/container/log_address.c \
	runtime/shim/log_syslog.c firmware/core/file.c firmware/core/log.c \
	$(api-json) $(api-core)

units += api/test_finch_options
api/test_finch_options-srcs := api/main/finch_config.c api/main/finch_flags.c api/main/options.c \
	api/main/config_file.c runtime/container/log_options.c runtime/container/log_address.c \
	runtime/shim/log_syslog.c firmware/core/file.c \
	firmware/core/log.c firmware/fmt/toml.c $(api-json) $(api-core)

units += api/test_finch_credentials
api/test_finch_credentials-srcs := api/finch/credentials.c api/finch/ancestry.c \
	firmware/core/file.c $(api-json) $(api-core)
