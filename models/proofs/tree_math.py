"""The arithmetic of RFC 9420, appendix C, as bit vectors of 32 bits, and its laws.

The formulas are the specification that the machine code is compared with (compiled.py). Here they
are held against what section 4.1 says a tree is, for every index: `python tree_math.py`.
"""

import sys
import time

from z3 import (
    And, BitVec, BitVecVal, Extract, If, Implies, LShR, Not, Or, SolverFor, UGT, ULE, ULT, Xor,
    sat, unsat,
)

BITS = 32
LEVEL_MAX = 31
LARGEST = 0xFFFF_FFFF  # nodes of the tree of 2^31 leaves


def number(value):
    return BitVecVal(value, BITS)


# Appendix C. `level` counts the ones at the end.


def level(x):
    result = number(BITS)
    for k in reversed(range(BITS)):
        result = If(Extract(k, k, x) == 0, number(k), result)
    return result


def left(x):
    return x ^ (number(1) << (level(x) - 1))


def right(x):
    return x ^ (number(3) << (level(x) - 1))


def parent(x):
    k = level(x)
    b = LShR(x, k + 1) & 1
    return (x | (number(1) << k)) ^ (b << (k + 1))


def sibling(x):
    above = parent(x)
    return If(ULT(x, above), right(above), left(above))


def root(leaves):
    # Two to the level of the root is the number of leaves.
    return leaves - 1


def node_width(leaves):
    return 2 * (leaves - 1) + 1


def first_leaf(x):
    return LShR(x - half(x), 1)


def last_leaf(x):
    return LShR(x - half(x), 1) + half(x)


def half(x):
    """Two to the level, less one: how far a subtree reaches to both sides, in nodes."""
    return (number(1) << level(x)) - 1


def common_ancestor(one, other):
    """Of two leaf numbers: appendix C's loop, unrolled. It shifts both until they are equal."""
    x, y = 2 * one, 2 * other
    result = x
    # From the top, so that the lowest level at which both agree is the one that stays.
    for k in reversed(range(1, BITS)):
        shared = LShR(x, k) == LShR(y, k)
        result = If(shared, (LShR(x, k) << k) + (1 << (k - 1)) - 1, result)
    top = Not(LShR(x, BITS - 1) == LShR(y, BITS - 1))
    result = If(top, number((1 << (BITS - 1)) - 1), result)
    return If(one == other, x, result)


def is_size(leaves):
    """A full tree has a power of two of leaves."""
    return And(leaves != 0, leaves & (leaves - 1) == 0)


def is_node(x):
    return x != LARGEST


def is_leaf_number(x):
    return ULT(x, 1 << 31)


def reaches(x, y):
    """Section 4.1: y is x or below it. A subtree is an interval around its head."""
    return And(ULE(x - half(x), y), ULE(y, x + half(x)))


def laws(spec):
    """What must hold, as name and formula, of the functions that `spec` names."""
    x, y, n, u, v = (BitVec(name, BITS) for name in "xynuv")
    inner = And(is_node(x), level(x) != 0)
    size = And(is_size(n), UGT(n, 1))
    inside = And(size, ULT(x, spec.node_width(n)))
    below = And(inside, x != spec.root(n))
    k = level(x)
    up = spec.parent(x)
    ancestor = spec.common_ancestor(u, v)
    leaves = And(is_leaf_number(u), is_leaf_number(v), u != v)
    yield "children are a quarter of the subtree away", Implies(
        inner,
        And(spec.left(x) == x - (number(1) << (k - 1)), spec.right(x) == x + (number(1) << (k - 1))),
    )
    yield "children are one level down", Implies(
        inner, And(level(spec.left(x)) == k - 1, level(spec.right(x)) == k - 1)
    )
    yield "a subtree is its head and the subtrees of the children", Implies(
        And(inner, is_node(y)),
        reaches(x, y) == Or(y == x, Xor(reaches(spec.left(x), y), reaches(spec.right(x), y))),
    )
    yield "a node is the parent of its children", Implies(
        inner, And(spec.parent(spec.left(x)) == x, spec.parent(spec.right(x)) == x)
    )
    yield "a node is a child of its parent", Implies(
        below, Xor(spec.left(up) == x, spec.right(up) == x)
    )
    yield "a parent is in the tree, one level up", Implies(
        below, And(ULT(up, spec.node_width(n)), level(up) == k + 1)
    )
    yield "the root has all nodes below it and nothing above", Implies(
        inside, And(reaches(spec.root(n), x), Not(ULT(spec.parent(spec.root(n)), node_width(n))))
    )
    yield "the root reaches the first node and the last, and no further", Implies(
        size,
        And(
            spec.root(n) - half(spec.root(n)) == 0,
            spec.root(n) + half(spec.root(n)) == spec.node_width(n) - 1,
        ),
    )
    yield "siblings are each other's, under one parent", Implies(
        below,
        And(
            spec.sibling(x) != x,
            spec.sibling(spec.sibling(x)) == x,
            spec.parent(spec.sibling(x)) == up,
        ),
    )
    yield "the leaves below a node are those of its interval", Implies(
        And(is_node(x), is_leaf_number(u)),
        reaches(x, 2 * u) == And(ULE(spec.first_leaf(x), u), ULE(u, spec.last_leaf(x))),
    )
    yield "the common ancestor is above both leaves", Implies(
        leaves, And(is_node(ancestor), reaches(ancestor, 2 * u), reaches(ancestor, 2 * v))
    )
    yield "the common ancestor is the lowest: a leaf on each side", Implies(
        leaves,
        And(
            level(ancestor) != 0,
            Xor(reaches(spec.left(ancestor), 2 * u), reaches(spec.left(ancestor), 2 * v)),
        ),
    )
    yield "doubling a tree keeps it as the left half", Implies(
        And(size, ULT(n, 1 << 31)), spec.left(spec.root(2 * n)) == spec.root(n)
    )


def mutants():
    """Wrong versions of the formulas, of which each must break a law."""
    return {
        "right child without the step over the middle": {
            "right": lambda x: x ^ (number(1) << (level(x) - 1))
        },
        "parent that is always on the right": {"parent": lambda x: x | (number(1) << level(x))},
        "parent wrong at the uppermost level only": {
            "parent": lambda x: If(level(x) == LEVEL_MAX - 1, parent(x) ^ 1, parent(x))
        },
        "sibling by the parent's own side": {
            "sibling": lambda x: If(ULT(parent(x), x), right(parent(x)), left(parent(x)))
        },
        "root of twice the tree": {"root": lambda leaves: 2 * leaves - 1},
        "width without the last leaf": {"node_width": lambda leaves: 2 * (leaves - 1)},
        "range without the last leaf": {"last_leaf": lambda x: last_leaf(x) - 1},
        "range wrong for one node of 2^32": {
            "first_leaf": lambda x: If(x == 0x5BAD_CAFF, first_leaf(x) + 1, first_leaf(x))
        },
        "common ancestor one level too high": {
            "common_ancestor": lambda one, other: parent(common_ancestor(one, other))
        },
    }


class Spec:
    """The formulas above, some of them replaced."""

    def __init__(self, replaced=None):
        self.replaced = replaced or {}

    def __getattr__(self, name):
        return self.replaced.get(name, globals()[name])


def counterexample(formula):
    """None if the formula holds for all values, else values for which it does not."""
    solver = SolverFor("QF_BV")
    solver.add(Not(formula))
    answer = solver.check()
    if answer == unsat:
        return None
    if answer != sat:
        raise RuntimeError(f"the solver says {answer}")
    model = solver.model()
    return ", ".join(sorted(f"{name} = {model[name].as_long():#x}" for name in model.decls()))


def main():
    failed = 0
    print("laws, for every index of 32 bits")
    for name, law in laws(Spec()):
        start = time.monotonic()
        found = counterexample(law)
        failed += found is not None
        verdict = "proved" if found is None else f"FAILS for {found}"
        print(f"  {name}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
    print("mutants")
    for name, replaced in mutants().items():
        broken = ((law, counterexample(formula)) for law, formula in laws(Spec(replaced)))
        law, found = next((pair for pair in broken if pair[1] is not None), (None, None))
        failed += law is None
        verdict = "NOT REFUTED" if law is None else f'breaks "{law}" for {found}'
        print(f"  {name}: {verdict}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
