"""Times, memory, arithmetic and hardware, for the benchmarks.

Authors
 * The speechbrain_pib developers 2026
"""

import platform
import statistics
import time
from pathlib import Path

import torch
import torchaudio
from torch.utils.flop_counter import FlopCounterMode


def seconds(function, device):
    """Time of one call, by events of the device where it has them.

    Arguments
    ---------
    function : callable
        Takes nothing.
    device : torch.device
        Where it computes.

    Returns
    -------
    seconds : float
    """
    if device.type != "cuda":
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    function()
    events[1].record()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1]) / 1000


def median_seconds(functions, device, repeats, warm_up=2):
    """Median times of several functions, called in turn.

    In turn, so that whatever else the machine does slows all of them alike.

    Arguments
    ---------
    functions : dict
        Name to callable.
    device : torch.device
        Where they compute.
    repeats : int
        Calls of each that count.
    warm_up : int
        Calls of each before.

    Returns
    -------
    medians : dict
        Name to seconds.
    """
    times = {name: [] for name in functions}
    for _ in range(warm_up + repeats):
        for name, function in functions.items():
            times[name].append(seconds(function, device))
    return {
        name: statistics.median(values[warm_up:])
        for name, values in times.items()
    }


def matmul_peak(dtype, device):
    """The most FLOP/s that a matrix product reaches here.

    Arguments
    ---------
    dtype : torch.dtype
        Of the matrices.
    device : torch.device
        Where to multiply.

    Returns
    -------
    peak : float
        FLOP/s.
    """
    sizes = (4096, 8192) if device.type == "cuda" else (1024, 2048)
    peak = 0.0
    for size in sizes:
        a = torch.randn(size, size, device=device, dtype=dtype)
        times = [seconds(lambda a=a: a @ a, device) for _ in range(12)]
        peak = max(peak, 2 * size**3 / min(times[2:]))
    return peak


def count_flops(function):
    """Floating-point operations of matrix products and convolutions.

    Arguments
    ---------
    function : callable
        Takes nothing; without fused kernels that the counter does not know.

    Returns
    -------
    flops : int
    """
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def memory_in_use(device):
    """Memory that this process holds now, in bytes.

    Arguments
    ---------
    device : torch.device
        A GPU: what tensors take there. The CPU: resident memory.

    Returns
    -------
    size : int
    """
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return _process_status("VmRSS")


def peak_memory(device):
    """Most memory that this process has held, in bytes.

    Arguments
    ---------
    device : torch.device
        As for memory_in_use.

    Returns
    -------
    size : int
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _process_status("VmHWM")


def _process_status(name):
    """A size out of what Linux says of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"this system does not tell {name} of a process")


def hardware(device):
    """Names the hardware and the versions that were measured.

    Arguments
    ---------
    device : torch.device
        Where the benchmark computes.

    Returns
    -------
    hardware : dict
    """
    fields = {}
    if Path("/proc/cpuinfo").is_file():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", "").split()
    found = {
        "cpu": fields.get("model name", platform.processor()),
        "cpu_family_and_model": (
            f"{fields.get('cpu family')}, {fields.get('model')}"
        ),
        "threads": torch.get_num_threads(),
        "bfloat16": [f for f in ("avx512_bf16", "amx_bf16") if f in flags],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchaudio": torchaudio.__version__,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda
    return found
