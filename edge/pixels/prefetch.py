"""Asks the processor for pixels some time before they are looked at.

A tile is read in one go and then worked on: without a word ahead, memory rests meanwhile, and
the processor's own foresight ends at each page of 4096 bytes. With it the pass keeps up with
`np.max`, whose only work is to read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

AHEAD_BYTES = 2048
"""Of 0, 1, 2, 4, 8 and 16 kB the best for a frame from memory on a Xeon: a quarter off 12 MP RAW10,
a third off 1080p uint8; for a frame in the cache all but 0 are alike."""

LINE_BYTES = 64
"""What a processor fetches at once: of x86-64, and of the cores of a Raspberry Pi."""


def fetch_ahead(rows: Any, y: int, start: int, count: int) -> None:
    """Ask for what lies `AHEAD_BYTES` behind so many elements of a row; part of kernels.

    Behind the end of a buffer there is nothing: then it is a wish that is not granted, no fault.
    """
    line = LINE_BYTES // rows.itemsize
    first = y * rows.shape[1] + start + AHEAD_BYTES // rows.itemsize
    for at in range(first, first + count, line):
        prefetch(rows, at)


prefetch: Any = None
"""Stands for `prefetch_intrinsic`."""


@cache
def prefetch_intrinsic() -> Any:
    """Make the instruction: ``prefetch(rows, index)`` with a flat index, also a wild one."""
    from llvmlite import ir
    from numba import config, types
    from numba.extending import intrinsic

    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return _no_prefetch

    @intrinsic
    def prefetch(context: Any, rows: Any, index: Any) -> Any:
        del context

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            place = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
            kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
            instruction = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            # To be read; wanted in every cache; data.
            builder.call(instruction, [place, word(0), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(rows, index), generate

    return prefetch


def _no_prefetch(rows: Any, index: Any) -> None:
    del rows, index
