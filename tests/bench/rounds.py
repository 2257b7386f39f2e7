# SPDX-License-Identifier: Apache-2.0
"""The engines in turn: A, B, A, B, so that what else the machine does falls on both alike."""

import time


def interleave(engines, count, once, pause=0.05, warm=0):
    """engine name → count values of once(engine). A value may be a tuple: then a list of dicts, one for each place."""
    values = {engine.name: [] for engine in engines}
    for turn in range(-warm, count):
        for engine in engines:
            value = once(engine)
            if turn >= 0:
                values[engine.name].append(value)
            time.sleep(pause)
    return values


def place(values, index):
    """Of values that are tuples, those at one place."""
    return {name: [value[index] for value in some] for name, some in values.items()}


def timed(function, *args):
    """Seconds that the call takes."""
    began = time.monotonic()
    function(*args)
    return time.monotonic() - began
