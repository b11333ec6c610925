"""Runs functions of the compiled library on symbolic arguments: every path to its end.

Nothing is assumed silently: a path that ends otherwise than by returning, or a call that is not
modelled here, makes the proof fail. Wherever an address or a length has several values, the state
is split, one case for each. The only assumption is that allocating memory succeeds.
"""

import logging

# Before the import, which says that an optional engine is not there.
for logger in ("angr", "cle", "pyvex", "claripy"):
    logging.getLogger(logger).setLevel(logging.CRITICAL)

import angr  # noqa: E402

RETURN = 0xDEAD_0000
BUFFER = 0x7000_0000

# How a path goes on. Anything else is a trap or a call of the system.
JUMPS = {"Ijk_Boring", "Ijk_Call", "Ijk_Ret"}

# At most this many values of an address or a length are told apart.
CASES_MAX = 256


class Unproven(Exception):
    """The executor cannot say, so the answer is no."""


class Panic(angr.SimProcedure):
    """Where the library ends up when it panics."""

    NO_RET = True

    def run(self):
        self.state.globals["panicked"] = True
        self.exit(101)


class Unmodelled(angr.SimProcedure):
    """A call that nobody vouches for."""

    def run(self, called=None):
        raise Unproven(f"calls {called}")


class Fork(Exception):
    """An address or a length has several values: the state before is to be split among them."""

    def __init__(self, expression, values):
        super().__init__()
        self.expression, self.values = expression, values

    def split(self, state):
        """Every case of the state, also that of none of the values."""
        for value in self.values:
            yield from with_constraints(state, self.expression == value)
        yield from with_constraints(state, *(self.expression != value for value in self.values))


def with_constraints(state, *constraints):
    """The state with these constraints, if that is possible."""
    case = state.copy()
    case.add_constraints(*constraints)
    return [case] if case.solver.satisfiable() else []


def only(state, expression):
    """The one value of an expression; if it has more, each gets a state of its own."""
    if not state.solver.symbolic(expression):
        return state.solver.eval(expression)
    values = state.solver.eval_upto(expression, CASES_MAX + 1)
    if len(values) > CASES_MAX:
        raise Unproven("an address or a length with too many values")
    if len(values) > 1:
        raise Fork(expression, values)
    return values[0]


class Address(angr.concretization_strategies.SimConcretizationStrategy):
    """Resolves an address to the one value that it has."""

    def _concretize(self, memory, address, **_):
        return [only(memory.state, address)]


class Copy(angr.SimProcedure):
    """memcpy and memmove."""

    def run(self, target, source, length):
        count = only(self.state, length)
        if count:
            self.state.memory.store(target, self.state.memory.load(source, count))
        return target


class Allocate(angr.SimProcedure):
    """malloc."""

    def run(self, length):
        return self.state.heap.allocate(only(self.state, length))


class Reallocate(angr.SimProcedure):
    """realloc. More is copied than was there; what lies behind means nothing."""

    def run(self, old, length):
        count = only(self.state, length)
        new = self.state.heap.allocate(count)
        self.state.memory.store(new, self.state.memory.load(old, count))
        return new


class Free(angr.SimProcedure):
    """free. Nothing is used again, so a use after it is not found; the crates have no unsafe code."""

    def run(self, _):
        return None


# The imports that may be called. Whatever else is called makes a proof fail.
MODELLED = {
    "malloc": Allocate,
    "realloc": Reallocate,
    "free": Free,
    "memcpy": Copy,
    "memmove": Copy,
}


class Library:
    """The compiled library, loaded once."""

    def __init__(self, path):
        self.project = angr.Project(path, auto_load_libs=False)
        panics = 0
        for symbol in self.project.loader.main_object.symbols:
            if symbol.is_function and "rust_begin_unwind" in symbol.name:
                self.project.hook(symbol.rebased_addr, Panic())
                panics += 1
            if symbol.is_import and symbol.is_function and symbol.name not in MODELLED:
                self.project.hook_symbol(symbol.name, Unmodelled(called=symbol.name))
        if panics != 1:
            raise Unproven(f"{panics} panic handlers in the library")
        for name, procedure in MODELLED.items():
            self.project.hook_symbol(name, procedure())

    def run(self, name, prototype, *arguments, contents=None, constraints=()):
        """The final states of a call: those that returned, and those that panicked."""
        symbol = self.project.loader.find_symbol(name)
        if symbol is None:
            raise Unproven(f"no function {name}")
        state = self.project.factory.call_state(
            symbol.rebased_addr, *arguments, prototype=prototype, ret_addr=RETURN
        )
        state.memory.read_strategies = [Address()]
        state.memory.write_strategies = [Address()]
        if contents is not None:
            state.memory.store(BUFFER, contents)
        state.add_constraints(*constraints)
        waiting, returned, panicked = [state], [], []
        while waiting:
            state = waiting.pop()
            if state.globals.get("panicked"):
                panicked.append(state)
            elif state.addr == RETURN:
                returned.append(state)
            else:
                waiting.extend(self.step(state))
        if not returned:
            raise Unproven("no path returns")
        return returned, panicked

    def step(self, state):
        """The states after a step, or the cases into which the state is to be split before it."""
        try:
            after = self.project.factory.successors(state)
        except Fork as fork:
            return list(fork.split(state))
        if after.unconstrained_successors:
            raise Unproven(f"a jump to anywhere at {state.addr:#x}")
        for successor in after.flat_successors:
            ends = successor.globals.get("panicked")
            if successor.history.jumpkind not in JUMPS and not ends:
                raise Unproven(f"{successor.history.jumpkind} at {state.addr:#x}")
        if not after.flat_successors and state.solver.satisfiable():
            raise Unproven(f"a path ends at {state.addr:#x} without returning")
        return after.flat_successors
