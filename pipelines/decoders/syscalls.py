"""A seccomp filter: the kernel answers EPERM to system calls that a decoder never needs.

A decoder that was taken over by a picture can open no file and no connection, start no program and signal no process.
Where the kernel or the processor has no such filter, the resource limits alone apply.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

#: From linux/prctl.h and linux/seccomp.h.
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_RETURN_ALLOW, _RETURN_ERRNO = 0x7FFF_0000, 0x0005_0000
#: Classic BPF, from linux/bpf_common.h: load a word, jump if equal, jump if greater or equal, jump
#: if a bit is set, return.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
#: Offsets in struct seccomp_data.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
#: Numbers from here on are those of the x32 ABI, which x86-64 kernels may serve too.
_X32 = 0x4000_0000
#: Starting a thread is allowed, starting a process is not.
_CLONE3, _CLONE_THREAD = 435, 0x0001_0000


class _Machine(NamedTuple):
    """A processor: its AUDIT_ARCH, the number of clone, and the numbers of the denied calls."""

    architecture: int
    clone: int
    denied: tuple[int, ...]


#: The numbers are from the kernel's tables. Denied are: opening and changing files, sockets, starting programs,
#: signals, other processes' memory, namespaces, keys, io_uring, BPF.
_DENIED = {
    "x86_64": _Machine(
        0xC000_003E,
        56,
        (2, 257, 437, 85, 82, 264, 316, 83, 258, 84, 86, 265, 87, 263, 88, 266, 76, 90, 268, 92, 260, 133, 259,
         41, 42, 43, 288, 49, 50, 53, 59, 322, 57, 58, 62, 200, 129, 297, 424, 434, 438, 101, 310, 311,
         165, 272, 308, 248, 249, 250, 425, 321),
    ),
    "aarch64": _Machine(
        0xC000_00B7,
        220,
        (56, 437, 38, 276, 34, 37, 35, 36, 45, 53, 54, 33,
         198, 203, 202, 242, 200, 201, 199, 221, 281, 129, 130, 138, 240, 424, 434, 438, 117, 270, 271,
         40, 97, 268, 217, 218, 219, 425, 280),
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def deny() -> bool:
    """Install the filter for this process and all its threads to come; return whether it is in force."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or platform.machine() not in _DENIED:
        return False
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    instructions = _filter(_DENIED[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _filter(machine: _Machine) -> bytes:
    """Return the program. Each line names where it jumps if its comparison holds, and if not; None is the next line."""
    lines: list[tuple[str | None, int, str | None, str | None, int]] = [
        (None, _LOAD, None, None, _ARCHITECTURE),
        (None, _JUMP_EQUAL, None, "deny", machine.architecture),
        (None, _LOAD, None, None, _NUMBER),
        (None, _JUMP_GREATER_EQUAL, "deny", None, _X32),
        *((None, _JUMP_EQUAL, "deny", None, number) for number in machine.denied),
        # Its flags are in memory that a filter can't read; the C library then uses clone.
        (None, _JUMP_EQUAL, "missing", None, _CLONE3),
        (None, _JUMP_EQUAL, None, "allow", machine.clone),
        (None, _LOAD, None, None, _FIRST_ARGUMENT),
        (None, _JUMP_SET, "allow", "deny", _CLONE_THREAD),
        ("allow", _RETURN, None, None, _RETURN_ALLOW),
        ("missing", _RETURN, None, None, _RETURN_ERRNO | errno.ENOSYS),
        ("deny", _RETURN, None, None, _RETURN_ERRNO | errno.EPERM),
    ]
    places = {label: at for at, (label, *_) in enumerate(lines)}

    def jump(at: int, label: str | None) -> int:
        return 0 if label is None else places[label] - at - 1

    return b"".join(
        struct.pack("=HBBI", code, jump(at, then), jump(at, otherwise), value)
        for at, (_, code, then, otherwise, value) in enumerate(lines)
    )
