/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs behind the names of the one binary, each with the arguments after its name. They
 * return the exit status.
 */
#ifndef API_MAIN_DAEMON_H
#define API_MAIN_DAEMON_H

struct arena;
struct daemon_options;

int daemon_main(int argc, char **argv);
int finch_main(int argc, char **argv);
int limits_main(int argc, char **argv);
int check_main(int argc, char **argv);
int dial_stdio_main(int argc, char **argv);
int docker_main(int argc, char **argv);
int vsock_proxy_main(int argc, char **argv);

/*
 * The daemon's whole life with these options, which (and mem) must stay; name stands before its
 * last words. The exit status.
 */
int daemon_live(const char *name, struct arena *mem, const struct daemon_options *opt);

/* Carve every pool of the daemon (also what limits prints). 0 or a negative errno, said on standard
 * error. */
int daemon_init_pools(void);

#endif
