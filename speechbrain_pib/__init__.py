"""Play It Back (https://arxiv.org/abs/2210.11328) as a SpeechBrain plugin.

Authors
 * The speechbrain_pib developers 2026
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__version__ = (Path(__file__).parent / "version.txt").read_text().strip()


def _installed(name):
    """Version of an installed package, or a word that says it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def check_torchaudio():
    """Say in one line what to install where torch and torchaudio differ.

    A torchaudio built for another CUDA fails inside the dynamic loader, and
    so does every import of SpeechBrain.

    Raises
    ------
    ImportError
        If torchaudio cannot be imported beside the installed torch.

    Example
    -------
    >>> check_torchaudio()
    """
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError, RuntimeError, AttributeError):
        pass
    else:
        return
    raise ImportError(
        f"torch {_installed('torch')} and torchaudio "
        f"{_installed('torchaudio')} do not fit together; mend it with: "
        'pip install --force-reinstall "torch>=2.7.1,<2.15" "torchaudio>=2.7.1"'
    )


def _is_command_line():
    """Whether the command line begins, which prints --help without torch and
    checks before it runs anything.

    Python calls a program "-m" while it looks for the module to run.
    """
    return Path(*sys.argv[:1]).stem in ("-m", "speechbrain-pib")


if not _is_command_line():
    check_torchaudio()
