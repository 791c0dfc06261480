"""The command line as a whole: help, exit status, interrupts.

Authors
 * The speechbrain_pib developers 2026
"""

import importlib.metadata
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from speechbrain_pib.__main__ import COMMANDS, build_parser, main
from speechbrain_pib.commands import extract_features, pack
from speechbrain_pib.dataio.packing.shards import SHARDS
from speechbrain_pib.dataio.video.steps import IMAGE_SIZE
from tests.helpers import ROOT


def start(*command, **options):
    """Start Python in the root of the repository."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background makes them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


@pytest.mark.parametrize(
    "command", [[], ["classify"], ["compare"], ["extract-features"]]
)
def test_help_answers_without_torch(command):
    process = start("-X", "importtime", "-m", "speechbrain_pib", *command, "-h")
    out, err = process.communicate()
    assert process.returncode == 0
    assert out.startswith("usage: python -m speechbrain_pib")
    imported = {line.split("|")[-1].strip() for line in err.splitlines()}
    assert "speechbrain_pib.commands" in imported
    assert not imported & {"torch", "numpy", "speechbrain", "h5py"}


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_in_the_help_are_command_lines(command, capsys, tmp_path):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    last = capsys.readouterr().out.splitlines()[-1]
    program, name, *arguments = shlex.split(last)
    assert (program, name) == ("speechbrain-pib", command)
    # The folders of the example are made, as far as they have to be there.
    (tmp_path / arguments[0]).mkdir(parents=True)
    os.chdir(tmp_path)
    assert build_parser().parse_args([name, *arguments]).run


def test_defaults_and_choices_are_those_of_the_code():
    parsed = build_parser().parse_args(
        ["extract-features", ".", "a.hdf5", "--weights", "b.ckpt"]
    )
    assert parsed.image_size == IMAGE_SIZE
    assert parsed.run is extract_features.run
    for container in SHARDS:
        parsed = build_parser().parse_args(
            ["pack", ".", "packed", "--format", container]
        )
        assert parsed.run is pack.run


@pytest.mark.parametrize(
    "command, reason",
    [
        ("", "required: COMMAND"),
        ("clasify", "invalid choice: 'clasify' (choose from"),
        ("classify", "required: model, file"),
        ("compare a.npz", "required: B/scores.npz"),
        ("pack-folder no a.hdf5", "there is no folder no;"),
        ("pack-folder {file} a.hdf5", "{file} is a file, not a folder"),
        ("pack-folder . a.wav", "a.wav does not end in .hdf5 or .h5"),
        ("pack-folder . {tmp}", "{tmp} is a folder, not a file"),
        ("pack-folder . a.h5 --processes 0", "0 is not 1, 2, 3"),
        ("pack-folder . a.h5 --processes=-1", "-1 is not 1, 2, 3"),
        ("pack-folder . a.h5 --sample_rate 16k", "16k is not 1, 2, 3"),
        ("pack . {file}", "{file} is a file, not a folder"),
        ("pack . out --shard_megabytes 0", "0 is not 1, 2, 3"),
        ("extract-audio no out", "there is no folder no;"),
        ("extract-audio . out --format mp3", "invalid choice: 'mp3'"),
        ("extract-features . a.h5", "required: --weights"),
    ],
)
def test_a_wrong_command_line_is_one_line(tmp_path, capsys, command, reason):
    names = {"tmp": tmp_path, "file": tmp_path / "file"}
    names["file"].touch()
    with pytest.raises(SystemExit) as caught:
        main(command.format(**names).split())
    assert caught.value.code == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert reason.format(**names) in line and line.endswith("--help")
    assert not printed.out


def test_an_interrupt_is_one_line(tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "speechbrain_pib.dataio.packing.hdf5.pack_folder", interrupt
    )
    path = tmp_path / "a.h5"
    assert main(["pack-folder", str(tmp_path), str(path)]) == 130
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "interrupted\n")


@pytest.mark.slow
def test_an_interrupt_ends_all_processes_quietly(tmp_path):
    """Ctrl-C in a terminal reaches every process of the group."""
    (tmp_path / "audio").mkdir()
    for number in range(60):
        path = tmp_path / f"audio/{number}.flac"
        soundfile.write(path, np.zeros(8000 * 60), 8000)
    command = ["-m", "speechbrain_pib", "pack-folder", tmp_path / "audio"]
    command += [tmp_path / "a.hdf5", "--sample_rate=48000", "--processes=2"]
    process = start(*command, start_new_session=True)
    while not (tmp_path / "a.hdf5").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    # The last of them may take a moment to end.
    limit = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < limit:
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_the_console_script_is_this_command_line():
    scripts = importlib.metadata.entry_points(group="console_scripts")
    setup = (ROOT / "setup.py").read_text("utf-8")
    assert '"speechbrain-pib=speechbrain_pib.__main__:main"' in setup
    for script in scripts.select(name="speechbrain-pib"):
        assert script.load() is main
