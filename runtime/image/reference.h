/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references: [domain/]path[:tag][@digest], normalised as Docker does (docker.io and library/
 * implied), and shown familiar ("alpine:latest"). Grammar: the distribution reference grammar.
 *
 * Thread: any. Yields: no. Owns: fixed arrays, no memory.
 */
#ifndef RUNTIME_IMAGE_REFERENCE_H
#define RUNTIME_IMAGE_REFERENCE_H

#include <stdbool.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/fmt/sha256.h"

#define REFERENCE_DOMAIN_MAX 256
#define REFERENCE_PATH_MAX 256
#define REFERENCE_TAG_MAX 129
#define REFERENCE_TEXT_MAX 768

struct reference {
	char domain[REFERENCE_DOMAIN_MAX]; /* "docker.io", "127.0.0.1:5000" */
	char path[REFERENCE_PATH_MAX];	   /* "library/alpine" */
	char tag[REFERENCE_TAG_MAX];	   /* "" when none */
	struct digest digest;		   /* "" when none */
};

/* ERR_INVALID: "invalid reference format", "invalid reference format: repository name (library/X)
 * must be lowercase", … */
int reference_parse(struct str text, struct reference *ret, struct err *e) WARN_UNUSED;
/* Set tag (or, if it parses as a digest, digest). ERR_INVALID "invalid tag format". */
int reference_set_tag(struct reference *r, struct str tag_or_digest, struct err *e) WARN_UNUSED;
void reference_default_tag(
	struct reference *r); /* ":latest" when there is neither tag nor digest */
/* "alpine", "127.0.0.1:5000/x" — familiar repository name without tag. */
void reference_familiar_name(const struct reference *r, char out[REFERENCE_TEXT_MAX]);
/* Familiar with tag or digest: "alpine:latest", "alpine@sha256:…". */
void reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX]);
/* Canonical: "docker.io/library/alpine:latest". */
void reference_canonical(const struct reference *r, char out[REFERENCE_TEXT_MAX]);

#endif
