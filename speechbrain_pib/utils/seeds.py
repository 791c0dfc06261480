"""Seeds of random numbers that depend on nothing but names and numbers.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib


def fold_seed(*parts):
    """Make a seed of what it is to depend on.

    Arguments
    ---------
    *parts : tuple
        Numbers and names, such as the seed of a training, the epoch and the
        ID of a clip.

    Returns
    -------
    seed : int
        From 0 to 2 ** 63 - 1, as torch takes it; close parts give seeds that
        have nothing in common.

    Example
    -------
    >>> fold_seed(1234, 1, "a") == fold_seed(1234, 1, "a")
    True
    >>> fold_seed(1234, 1, "a") == fold_seed(1234, 11, "a")
    False
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
