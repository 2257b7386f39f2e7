/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container names: what is allowed, and made-up ones for containers that were given none.
 */
#include <ctype.h>
#include <stdio.h>

#include "firmware/core/file.h"
#include "runtime/container/private.h"

static const char *const adjectives[] = {
	"able",	  "agile",    "amber",	"bold",	  "brave",   "bright", "brisk",	 "calm",
	"candid", "cheerful", "clever", "cosy",	  "crisp",   "daring", "deft",	 "eager",
	"early",  "exact",    "fair",	"fleet",  "fond",    "frank",  "fresh",	 "gentle",
	"glad",	  "golden",   "grand",	"happy",  "hardy",   "honest", "humble", "jolly",
	"keen",	  "kind",     "lively", "loyal",  "lucid",   "mellow", "merry",	 "mild",
	"modest", "neat",     "nimble", "noble",  "patient", "placid", "plucky", "polite",
	"prompt", "proud",    "quick",	"quiet",  "ready",   "serene", "sharp",	 "silent",
	"silver", "sincere",  "sober",	"steady", "sunny",   "swift",  "tender", "tidy",
	"true",	  "upbeat",   "vivid",	"warm",	  "wise",    "witty",
};

static const char *const surnames[] = {
	"abel",	    "ampere",  "babbage",   "banach",  "bell",	   "bernoulli",	   "bohr",
	"boole",    "borg",    "boyle",	    "cantor",  "carson",   "cauchy",	   "curie",
	"dalton",   "darwin",  "dijkstra",  "dirac",   "edison",   "erdos",	   "euclid",
	"euler",    "faraday", "fermat",    "fermi",   "franklin", "galileo",	   "gauss",
	"germain",  "goedel",  "hamilton",  "hertz",   "hilbert",  "hopper",	   "hubble",
	"huygens",  "hypatia", "joule",	    "kepler",  "knuth",	   "kovalevskaya", "lagrange",
	"laplace",  "leibniz", "lovelace",  "maxwell", "meitner",  "mendel",	   "mendeleev",
	"napier",   "newton",  "noether",   "ohm",     "pascal",   "pasteur",	   "planck",
	"poincare", "ptolemy", "ramanujan", "ride",    "ritchie",  "shannon",	   "somerville",
	"stokes",   "tesla",   "thompson",  "turing",  "volta",	   "watt",	   "wiles",
};

void container_name_generate(const struct engine *eng, char out[CONTAINER_NAME_MAX])
{
	for (unsigned attempt = 0;; attempt++) {
		uint32_t pick[3];

		random_bytes(pick, sizeof(pick));
		if (attempt < 6)
			text_format(out, CONTAINER_NAME_MAX, "%s_%s",
				    adjectives[pick[0] % ARRAY_LEN(adjectives)],
				    surnames[pick[1] % ARRAY_LEN(surnames)]);
		else
			text_format(out, CONTAINER_NAME_MAX, "%s_%s%u",
				    adjectives[pick[0] % ARRAY_LEN(adjectives)],
				    surnames[pick[1] % ARRAY_LEN(surnames)],
				    pick[2] % (attempt * 10u));
		if (!map_find(&eng->containers_by_name, str_from(out)))
			return;
	}
}

int container_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool ok = n >= 2 && n < CONTAINER_NAME_MAX && isalnum((unsigned char)name[0]);

	for (size_t i = 1; ok && i < n; i++)
		ok = isalnum((unsigned char)name[i]) || strchr("_.-", name[i]);
	if (ok)
		return 0;
	return err_set(e, ERR_INVALID,
		       "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
		       name);
}
