/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs behind the names of the one binary, each with the arguments after its name. They
 * return the exit status.
 */
#ifndef API_MAIN_DAEMON_H
#define API_MAIN_DAEMON_H

int daemon_main(int argc, char **argv);
int limits_main(int argc, char **argv);
int check_main(int argc, char **argv);
int dial_stdio_main(int argc, char **argv);

/* Carve every pool of the daemon (also what limits prints). 0 or a negative errno, said on standard
 * error. */
int daemon_init_pools(void);

#endif
