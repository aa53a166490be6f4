"""The kernel's word on how good the system's clock is (``adjtimex``)."""

from __future__ import annotations

import ctypes

_NANO = 0x2000
"""STA_NANO: the offset is in ns."""


class _Timex(ctypes.Structure):
    """The head of ``struct timex``; the rest is room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_max_error_s() -> float | None:
    """Bound of the system clock's error as the kernel keeps it, in s.

    A clock daemon sets it and the kernel lets it grow by 500 ppm. What the kernel has yet to
    correct comes on top: systemd-timesyncd calls the error 0 when it hands an offset of up to
    0.4 s to the kernel, which takes minutes over it. None where the kernel can't be asked: another
    system, or a sandbox.
    """
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError, TypeError):
        return None
    timex = _Timex()  # modes 0: read only
    if adjtimex(ctypes.byref(timex)) < 0:
        return None
    unit_s = 1e-9 if timex.status & _NANO else 1e-6
    return float(timex.maxerror) * 1e-6 + abs(float(timex.offset)) * unit_s
