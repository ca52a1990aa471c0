"""A small plan in which each value of each factor meets each value of each other factor at least once."""

import itertools


def every(factors):
    """All combinations."""
    return [dict(zip(factors, values)) for values in itertools.product(*factors.values())]


def pairs(row):
    return {frozenset(pair) for pair in itertools.combinations(sorted(row.items()), 2)}


def plan(factors):
    """Rows chosen one by one, each the one with the most pairs that no row had before. The same at every run."""
    rows = every(factors)
    left = set().union(*map(pairs, rows))
    chosen = []
    while left:
        best = max(rows, key=lambda row: len(pairs(row) & left))
        chosen.append(best)
        left -= pairs(best)
    return chosen
