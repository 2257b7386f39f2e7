/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One binary, several names: the first argument (or the name it was called by) chooses.
 */
#include <stdio.h>
#include <string.h>

#include "api/main/daemon.h"
#include "firmware/core/attr.h"
#include "firmware/core/config.h"
#include "runtime/shim/shim.h"

static int version_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("serind version %s, API %s (minimum %s)\n", CONFIG_VERSION, CONFIG_API_VERSION,
	       CONFIG_API_VERSION_MIN);
	return 0;
}

static int finch_run(int argc, char **argv)
{
	if (CONFIG(FINCH))
		return finch_main(argc - 1, argv + 1);
	fputs("finch-daemon: not built in (CONFIG_FINCH)\n", stderr);
	return 1;
}

static int proxy_run(int argc, char **argv)
{
	if (CONFIG(VSOCK_PROXY))
		return vsock_proxy_main(argc, argv);
	fputs("serind: vsock-proxy is not built in (CONFIG_VSOCK_PROXY)\n", stderr);
	return 1;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"check", check_main},	     {"dial-stdio", dial_stdio_main},
	{"docker", docker_main},     {"docker-init", init_main},
	{"finch-daemon", finch_run}, {"init", init_main},
	{"limits", limits_main},     {"shim", shim_main},
	{"version", version_main},   {"vsock-proxy", proxy_run},
};

int main(int argc, char **argv)
{
	const char *self = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1
			   : argc > 0			     ? argv[0]
							     : "";

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		/* A copy named finch-daemon is its own shim, too. */
		if (!strcmp(self, commands[i].name) && (argc < 2 || strcmp(argv[1], "shim") != 0))
			return commands[i].run(argc, argv);
		if (argc > 1 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	return daemon_main(argc - 1, argv + 1);
}
