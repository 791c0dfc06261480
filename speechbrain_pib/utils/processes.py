"""Work spread over several processes.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import functools
import multiprocessing
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor

import torch


def map_processes(function, items, processes):
    """Map in several processes; few results wait to be taken.

    After an error or an interrupt (Ctrl-C) no call begins; an interrupt ends
    those under way, too.

    Arguments
    ---------
    function : callable
        Of a module, or a partial one.
    items : iterable
        Its arguments.
    processes : int
        Number of processes; with 1, this one does it all.

    Yields
    ------
    result : object
        Of each item, in order.

    Example
    -------
    >>> list(map_processes(abs, [-1, 2], processes=1))
    [1, 2]
    """
    if processes == 1:
        yield from map(function, items)
        return
    call = functools.partial(_call, function)
    with ProcessPoolExecutor(
        processes,
        # A fork of a process that used torch's threads may hang.
        multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        waiting = deque()
        try:
            for item in items:
                with _interrupts(signal.SIG_BLOCK):
                    waiting.append(pool.submit(call, item))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts(how):
    """Hold interrupts back (SIG_BLOCK), or let them in (SIG_UNBLOCK).

    A process that is started while they are held back holds them back, too.
    On Windows there is no such thing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {})
    try:
        signal.pthread_sigmask(how, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(function, item):
    """Call in a worker, which is interrupted here and nowhere else: it leaves
    nothing half done, and prints no traceback."""
    try:
        with _interrupts(signal.SIG_UNBLOCK):
            return function(item)
    except KeyboardInterrupt:
        # Held back now, it ends the calls that already wait here, too.
        signal.raise_signal(signal.SIGINT)
        raise
