/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets are singly linked lists. The hash is SipHash-1-3 under a key drawn once per process:
 * quick on short names, and not to be guessed by who chooses the names.
 */
#include "firmware/core/map.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"

#define BUCKETS_FIRST 16

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_draw(void)
{
	random_bytes(seed, sizeof(seed));
}

static uint64_t rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t hash_text(struct str s)
{
	uint64_t v[4] = {
		seed[0] ^ 0x736f6d6570736575u,
		seed[1] ^ 0x646f72616e646f6du,
		seed[0] ^ 0x6c7967656e657261u,
		seed[1] ^ 0x7465646279746573u,
	};
	uint64_t word;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)s.n << 56;
	for (size_t k = 0; i < s.n; i++, k += 8)
		word |= (uint64_t)(unsigned char)s.p[i] << k;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
	*m = (struct map){.count = 0};
	pthread_once(&seed_once, seed_draw);
}

void map_done(struct map *m)
{
	mem_free(m->buckets);
	*m = (struct map){.count = 0};
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->n_buckets - 1)];
}

static struct map_node *find_hashed(const struct map *m, struct str key, uint64_t hash)
{
	struct map_node *n = m->n_buckets ? *bucket_of(m, hash) : NULL;

	while (n && (n->hash != hash || !str_eq(n->key, key)))
		n = n->next;
	return n;
}

static int grow(struct map *m)
{
	size_t n_buckets = m->n_buckets ? m->n_buckets * 2 : BUCKETS_FIRST;
	struct map_node **old = m->buckets;
	size_t n_old = m->n_buckets;
	struct map_node **buckets = mem_alloc_array(n_buckets, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	m->buckets = buckets;
	m->n_buckets = n_buckets;
	for (size_t i = 0; i < n_old; i++) {
		for (struct map_node *n = old[i], *next; n; n = next) {
			struct map_node **b = bucket_of(m, n->hash);

			next = n->next;
			n->next = *b;
			*b = n;
		}
	}
	mem_free(old);
	return 0;
}

int map_insert(struct map *m, struct map_node *node, struct str key)
{
	uint64_t hash;
	struct map_node **b;

	pthread_once(&seed_once, seed_draw); /* a zeroed map is a map too */
	hash = hash_text(key);
	if (find_hashed(m, key, hash))
		return -EEXIST;
	/* A full table that cannot grow still works, only slower. */
	if (m->count >= m->n_buckets && grow(m) < 0 && m->n_buckets == 0)
		return -ENOMEM;
	b = bucket_of(m, hash);
	node->key = key;
	node->hash = hash;
	node->next = *b;
	*b = node;
	m->count++;
	return 0;
}

struct map_node *map_find(const struct map *m, struct str key)
{
	return m->count ? find_hashed(m, key, hash_text(key)) : NULL;
}

void map_remove(struct map *m, struct map_node *node)
{
	for (struct map_node **at = bucket_of(m, node->hash); *at; at = &(*at)->next) {
		if (*at == node) {
			*at = node->next;
			node->next = NULL;
			m->count--;
			return;
		}
	}
}

struct map_node *map_next(const struct map *m, const struct map_node *after)
{
	size_t i = 0;

	if (after) {
		if (after->next)
			return after->next;
		i = (size_t)(after->hash & (m->n_buckets - 1)) + 1;
	}
	for (; i < m->n_buckets; i++) {
		if (m->buckets[i])
			return m->buckets[i];
	}
	return NULL;
}
