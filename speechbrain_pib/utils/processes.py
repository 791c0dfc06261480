"""Work spread over several processes.

Authors
 * The speechbrain_pib developers 2026
"""

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor

import torch


def map_processes(function, items, processes):
    """As `map`, in several processes; few results wait to be taken.

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
    with ProcessPoolExecutor(
        processes,
        # A fork of a process that used torch's threads may hang.
        multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
