"""Files of weights, read as data: nothing in them is run.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
import zipfile

import h5py
import numpy as np
import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file

# Entries that hold weights beside other things, in files of others.
WRAPPERS = ("model_state", "model_state_dict", "state_dict", "model")


def check_integrity(path):
    """Compare a file of torch.save with the checksums that it holds.

    torch.load does not: it takes flipped bytes for weights.

    Arguments
    ---------
    path : str
        The file. Older formats than zip have no checksums, and pass.

    Raises
    ------
    ValueError
        If the file is damaged.

    Example
    -------
    >>> path = getfixture("tmpdir") / "weights.ckpt"
    >>> torch.save(torch.ones(1000), str(path))
    >>> check_integrity(path)
    >>> path.write_binary(
    ...     path.read_binary().replace(b"\\x80\\x3f", b"\\x80\\x40")
    ... )
    >>> check_integrity(path)
    Traceback (most recent call last):
        ...
    ValueError: ...weights.ckpt is damaged: the checksum of ... is wrong; ...
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:
        # Whatever damaged headers make zipfile do.
        raise ValueError(
            f"{path} is damaged or incomplete ({error}); copy, download or "
            "train it again"
        ) from error
    if damaged is not None:
        raise ValueError(
            f"{path} is damaged: the checksum of {damaged} is wrong; copy, "
            "download or train it again"
        )


def read_state(source):
    """Read a state dictionary from a file without executing anything in it.

    Prefixes that DistributedDataParallel ("module.") and torch.compile
    ("_orig_mod.") put before names are left out.

    Arguments
    ---------
    source : str
        A file of torch.save: a state dictionary, or a dictionary that holds
        one under a usual name, such as "state_dict"; or .safetensors, .npz,
        .h5 or .hdf5. "hf://owner/name/file" is fetched from the Hugging Face
        Hub.

    Returns
    -------
    state : dict
        Name to tensor.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything but plain weights.

    Example
    -------
    >>> path = getfixture("tmpdir").join("weights.ckpt")
    >>> torch.save({"state_dict": {"module.bias": torch.ones(2)}}, str(path))
    >>> read_state(str(path))
    {'bias': tensor([1., 1.])}
    """
    path = fetch(os.fspath(source))
    read = ARRAYS.get(os.path.splitext(path)[1].lower())
    if read is not None:
        return _unwrap_names(_read_arrays(read, path))
    state = load_data(path)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(name, str)
        and isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        for name, value in state.items()
    ):
        raise ValueError(f"{path} holds no dictionary of tensors")
    return _unwrap_names(state)


def fetch(source):
    """Fetch a file from the Hugging Face Hub, unless it is here already.

    Arguments
    ---------
    source : str
        "hf://owner/name/file", or the path of a file, which is left alone.

    Returns
    -------
    path : str

    Raises
    ------
    ValueError
        If it is not as written above.

    Example
    -------
    >>> fetch("weights.npz")
    'weights.npz'
    """
    if not source.startswith("hf://"):
        return source
    parts = source.removeprefix("hf://").split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise ValueError(f"{source} is not as hf://owner/name/file")
    owner, name, file = parts
    return hf_hub_download(f"{owner}/{name}", file)


def _read_arrays(read, path):
    """Read a file of arrays; whatever is wrong with it is one error."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no weight file {path}")
    check_integrity(path)
    try:
        return read(path)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path} is damaged, or no file of plain weights: {reason}"
        ) from error


def _read_npz(path):
    """The arrays of a file of numpy.savez."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def _read_hdf5(path):
    """The data sets of an HDF5 file by their paths in it."""
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = torch.from_numpy(item[()])

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return arrays


ARRAYS = {
    ".npz": _read_npz,
    ".safetensors": load_file,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}


def load_data(path):
    """Load a file of torch.save as data: tensors, containers and numbers.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    data : object
        What was saved, on the CPU.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything else.

    Example
    -------
    >>> path = getfixture("tmpdir").join("data.ckpt")
    >>> torch.save({"top1": np.float64(0.5)}, str(path))
    >>> float(load_data(str(path))["top1"])
    0.5
    """
    try:
        check_integrity(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no weight file {path}") from None
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words advise to run whatever the file holds.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"it names {named[1]}" if named else type(error).__name__
        raise ValueError(
            f"{path} is not a file of plain weights ({reason}); nothing in it "
            "was run. Save a state_dict() of tensors alone"
        ) from None


def _numpy_scalars():
    """List what unpickles NumPy's numbers, which files hold as metrics."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(kind)) for kind in "?bhilqBHILQefd"}
    # Under both names that its module has had.
    old, new = (f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))
    return [(scalar, old), (scalar, new), np.dtype, *dtypes]


def _unwrap_names(state):
    """Leave out what wrappers of a module put before the names in it."""
    state = {name.replace("_orig_mod.", ""): v for name, v in state.items()}
    while state and all(name.startswith("module.") for name in state):
        state = below(state, "module.")
    return state


def below(state, prefix):
    """Take the entries below a prefix, without it.

    Arguments
    ---------
    state : dict
        Name to tensor.
    prefix : str
        What the names of the entries begin with.

    Returns
    -------
    state : dict

    Example
    -------
    >>> below({"head.bias": 1, "norm.bias": 2}, "head.")
    {'bias': 1}
    """
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix)
    }
