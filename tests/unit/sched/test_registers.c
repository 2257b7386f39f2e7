/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/sched/fixture.h"

#if defined(__aarch64__)
#define REGISTERS 19
#elif defined(__x86_64__)
#define REGISTERS 6
#endif

#ifdef REGISTERS

#define ROUNDS 50

void registers_over(uint64_t *values, void (*call)(void));

/* How the units round and what they do with the smallest numbers is a fiber's own as well. */
static uint64_t get_control(void)
{
#if defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, fpcr" : "=r"(v));
	return v;
#else
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x87));
	return (mxcsr & ~0x3fU) | (uint64_t)x87 << 32; /* without the flags of what happened */
#endif
}

static void set_control(uint64_t v)
{
#if defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" : : "r"(v));
#else
	uint32_t mxcsr = (uint32_t)v;
	uint16_t x87 = (uint16_t)(v >> 32);

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(x87));
#endif
}

/* Rounding towards the nearest, up, down and zero; every other one flushes to zero. */
static uint64_t control_of(unsigned number, uint64_t usual)
{
#if defined(__aarch64__)
	return (usual & ~(uint64_t)(7 << 22)) | (uint64_t)(number % 8) << 22;
#else
	usual &= ~(UINT64_C(0xe000) | UINT64_C(0xc00) << 32);
	return usual | (uint64_t)(number % 8) << 13 | (uint64_t)(number % 4) << 42;
#endif
}

static void fill(uint64_t *values, unsigned number)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		values[i] = UINT64_C(0x0101010101010101) * (number * 23 + i + 1) ^
			    (uint64_t)(number + 1) << 40;
}

static void yield_once(void)
{
	assert_int_equal(fiber_yield(), 0);
}

static void keeper(void *arg)
{
	unsigned number = *(unsigned *)arg;
	uint64_t control = control_of(number, get_control());
	uint64_t values[REGISTERS], want[REGISTERS];

	set_control(control);
	for (int round = 0; round < ROUNDS; round++) {
		fill(want, number);
		fill(values, number);
		registers_over(values, yield_once);
		assert_memory_equal(values, want, sizeof(want));
		assert_true(get_control() == control);
	}
}

static void test_fibers(void **state)
{
	unsigned numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
	uint64_t before = get_control();

	(void)state;
	for (int i = 0; i < 8; i++)
		spawn(keeper, &numbers[i]);
	run_loop();
	assert_true(get_control() == before);
}

/* The loop's own, too, whatever fibers ran in between. */
static void test_loop(void **state)
{
	static unsigned number = 3;
	uint64_t values[REGISTERS], want[REGISTERS];

	(void)state;
	fill(want, 100);
	fill(values, 100);
	spawn(keeper, &number);
	registers_over(values, run_loop);
	assert_memory_equal(values, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_fibers),
		FIXTURE_TEST(test_loop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	print_message("ok 1 - registers # SKIP unknown to it\n");
	return 0;
}

#endif
