"""Proofs about the machine code of the release build, each with a mutant that must be refuted.

    python compiled.py LIBRARY tree-math     the arithmetic is that of tree_math.py, and never panics
    python compiled.py LIBRARY decoders      no decoder panics, for every input of bounded length

LIBRARY is what `cargo build --release -p conclave-compiled` made.
"""

import multiprocessing
import os
import sys
import time

import claripy
from z3 import And, BitVecVal, If, LShR, SolverFor, ULE, ULT, ZeroExt, sat, unsat

import tree_math as spec
from machine_code import BUFFER, Library, Unproven


def some(condition, value):
    """An optional number as the library's functions return it."""
    return If(condition, ZeroExt(32, value) + (1 << 32), BitVecVal(0, 64))


def truth(condition):
    return If(condition, spec.number(1), spec.number(0))


def room(nodes):
    """The smallest size with room for so many nodes, of 64 bits, by looking at all 32."""
    result = BitVecVal(0, 64)
    for k in reversed(range(32)):
        leaves = 1 << k
        result = If(ULE(nodes, 2 * leaves - 1), BitVecVal((1 << 32) + leaves, 64), result)
    return If(nodes == 0, BitVecVal(0, 64), result)


def in_tree(leaves, index):
    return And(spec.is_size(leaves), ULT(index, spec.node_width(leaves)))


def not_root(leaves, index):
    return And(in_tree(leaves, index), index != spec.root(leaves))


def is_leaf(index):
    return And(spec.is_node(index), spec.level(index) == 0)


def is_parent(index):
    return And(spec.is_node(index), spec.level(index) != 0)


def is_leaf_of(leaves, index):
    return And(spec.is_size(leaves), ULT(index, leaves))


def covers(index, below):
    return some(
        And(spec.is_node(index), spec.is_leaf_number(below)), truth(spec.reaches(index, 2 * below))
    )


def parent(leaves, index):
    return some(not_root(leaves, index), spec.parent(index))


def sibling(leaves, index):
    return some(not_root(leaves, index), spec.sibling(index))


# What each function of the library is to compute, of numbers of 32 bits.
FUNCTIONS = {
    "from_leaves": lambda n: some(spec.is_size(n), n),
    "nodes": lambda n: some(spec.is_size(n), spec.node_width(n)),
    "doubled": lambda n: some(And(spec.is_size(n), ULT(n, 1 << 31)), 2 * n),
    "halved": lambda n: some(And(spec.is_size(n), n != 1), LShR(n, 1)),
    "root": lambda n: some(spec.is_size(n), spec.root(n)),
    "checked_leaf": lambda n, x: some(is_leaf_of(n, x), x),
    "checked_node": lambda n, x: some(in_tree(n, x), x),
    "parent": parent,
    "sibling": sibling,
    "level": lambda x: some(spec.is_node(x), spec.level(x)),
    "left": lambda x: some(is_parent(x), spec.left(x)),
    "right": lambda x: some(is_parent(x), spec.right(x)),
    "leaf_of_node": lambda x: some(is_leaf(x), LShR(x, 1)),
    "node_of_leaf": lambda x: some(spec.is_leaf_number(x), 2 * x),
    "first_leaf": lambda x: some(spec.is_node(x), spec.first_leaf(x)),
    "last_leaf": lambda x: some(spec.is_node(x), spec.last_leaf(x)),
    "covers": covers,
    "common_ancestor": lambda u, v: some(
        And(spec.is_leaf_number(u), spec.is_leaf_number(v)), spec.common_ancestor(u, v)
    ),
}

MUTANTS = {"mutant_parent": parent, "mutant_sibling": sibling, "mutant_covers": covers}


def counterexample(library, name, expected, bits=32):
    """None if the function computes what is expected for all arguments, and a panic is nowhere."""
    count = expected.__code__.co_argcount
    arguments = [claripy.BVS(f"argument{index}", bits) for index in range(count)]
    kind = f"uint{bits}_t"
    prototype = f"uint64_t f({', '.join([kind] * count)})"
    returned, panicked = library.run(name, prototype, *arguments)
    symbols = [claripy.backends.z3.convert(argument) for argument in arguments]
    right = expected(*symbols)
    for state in returned + panicked:
        solver = SolverFor("QF_BV")
        solver.add([claripy.backends.z3.convert(one) for one in state.solver.constraints])
        if state not in panicked:
            solver.add(claripy.backends.z3.convert(state.regs.rax) != right)
        answer = solver.check()
        if answer == sat:
            model = solver.model()
            numbers = [model.eval(one, model_completion=True).as_long() for one in symbols]
            end = "panics" if state in panicked else "wrong"
            return f"{end} for {', '.join(hex(one) for one in numbers)}"
        if answer != unsat:
            raise Unproven(f"the solver says {answer}")
    return None


def tree_math(library):
    failed = 0
    print("tree arithmetic, for every argument of 32 bits", flush=True)
    checks = [(name, expected, 32) for name, expected in FUNCTIONS.items()]
    checks.append(("with_room_for", room, 64))
    for name, expected, bits in checks:
        start = time.monotonic()
        found = counterexample(library, name, expected, bits)
        failed += found is not None
        verdict = "proved" if found is None else f"FAILS: {found}"
        print(f"  {name}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
    print("mutants")
    for name, expected in MUTANTS.items():
        found = counterexample(library, name, expected)
        failed += found is None
        print(f"  {name}: {found or 'NOT REFUTED'}", flush=True)
    return failed


# The decoders, with the length of the longest input that is looked at.
# Each further byte costs about twice the time.
DECODERS = {
    "decode_length": 8,
    "decode_opaque": 8,
    "decode_numbers": 6,
    "decode_nested": 3,
    "decode_optional": 8,
    "decode_sender": 8,
    "decode_sender_data": 13,
    "decode_extensions": 4,
    "decode_capabilities": 3,
    "decode_credential": 4,
    "decode_pre_shared_key_id": 4,
    "decode_proposal": 3,
    "decode_proposal_or_ref": 3,
    "decode_commit": 3,
    "decode_leaf_node": 3,
    "decode_parent_node": 3,
    "decode_ratchet_tree": 3,
    "decode_update_path": 3,
    "decode_key_package": 6,
    "decode_group_context": 6,
    "decode_group_secrets": 3,
    "decode_group_info": 6,
    "decode_welcome": 4,
    "decode_public_message": 3,
    "decode_private_message": 4,
    "decode_message": 7,
}

# Each with a length at which some input makes it panic.
BAD_DECODERS = {"mutant_opaque": 3, "mutant_sum": 3}


def panic_of(library, name, bytes_max):
    """Paths that accept, all paths, and an input of at most so many bytes that panics, if any."""
    contents, length = claripy.BVS("input", 8 * bytes_max), claripy.BVS("length", 64)
    returned, panicked = library.run(
        name,
        "uint32_t f(uint64_t, uint64_t)",
        BUFFER,
        length,
        contents=contents,
        constraints=[claripy.ULE(length, bytes_max)],
    )
    accepted = sum(state.solver.satisfiable([state.regs.eax == 1]) for state in returned)
    for state in panicked:
        if state.solver.satisfiable():
            count = state.solver.eval(length)
            found = state.solver.eval(contents, cast_to=bytes, extra_constraints=[length == count])
            return accepted, len(returned), f"{count} bytes {found[:count].hex()}"
    return accepted, len(returned), None


LIBRARY = None


def load(path):
    """Each process has the library to itself."""
    global LIBRARY
    LIBRARY = Library(path)


def check_decoder(job):
    name, bytes_max = job
    start = time.monotonic()
    return panic_of(LIBRARY, name, bytes_max), time.monotonic() - start


def decoders(path):
    failed = 0
    print("decoders, for every input of at most so many bytes", flush=True)
    jobs = [*DECODERS.items(), *BAD_DECODERS.items()]
    with multiprocessing.Pool(os.cpu_count(), load, [path]) as pool:
        results = zip(jobs, pool.imap(check_decoder, jobs))
        for (name, bytes_max), ((accepted, paths, found), seconds) in results:
            if name in BAD_DECODERS:
                failed += found is None
                verdict = f"panics on {found}" if found else "NOT REFUTED"
            else:
                failed += found is not None
                verdict = f"no panic on {paths} paths, {accepted} of which accept"
                verdict = verdict if found is None else f"PANICS on {found}"
            print(f"  {name}, {bytes_max} bytes: {verdict} ({seconds:.1f} s)", flush=True)
    return failed


def main(path, what):
    return decoders(path) if what == "decoders" else tree_math(Library(path))


if __name__ == "__main__":
    try:
        sys.exit(1 if main(*sys.argv[1:]) else 0)
    except Unproven as reason:
        sys.exit(f"not proved: {reason}")
