"""The command timeline.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import soundfile
import torch

from speechbrain_pib.__main__ import build_parser, main
from speechbrain_pib.commands import timeline
from speechbrain_pib.dataio.timelines.formats import FORMATS, read_events
from speechbrain_pib.dataio.timelines.settings import REPLAYS
from tests.helpers import ROOT

# With these a model that was not trained hears something in noise.
LOW = ("--threshold", 0.06, "--hysteresis", 1, "--candidates", 1)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder with noises that swell, one of them broken."""
    folder = tmp_path_factory.mktemp("recordings")
    torch.manual_seed(0)
    (folder / "deep").mkdir()
    for name in ("a.wav", "deep/b_20260501_043000.flac", "c.wav"):
        swell = torch.sin(torch.arange(24000) / 5000) ** 2
        wav = 0.1 * torch.randn(24000) * swell
        soundfile.write(folder / name, wav.numpy(), 8000)
    (folder / "broken.wav").write_text("no sound")
    return folder


@pytest.fixture
def find(exported, capsys):
    """The command on the CPU: its status, and what it printed."""

    def run(*arguments):
        command = ["timeline", exported.folder, *arguments, "--device", "cpu"]
        status = main([str(argument) for argument in command])
        return status, *capsys.readouterr()

    return run


def files(folder):
    """Content of each file, by its name in the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def test_a_model_file_is_taken_in_place_of_a_folder(
    onnx_file, recordings, tmp_path, capsys
):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    output = tmp_path / "events"
    command = ["timeline", onnx_file.path, recordings / "a.wav", "--output"]
    command = [*command, output, "--json", "--threshold", 0.05]
    assert main(list(map(str, command))) == 0
    (line,) = capsys.readouterr().out.splitlines()
    events = json.loads(line)["events"]
    assert len(events) == len(read_events(output / "a.csv"))
    before = files(output)
    assert main(list(map(str, [*command, "--report"]))) == 1
    assert "give the inference folder" in capsys.readouterr().err
    assert main(list(map(str, [*command, "--budget", "0.5"]))) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "give the inference folder for a budget" in error
    assert main(list(map(str, command))) == 0
    assert json.loads(capsys.readouterr().out)["heard"] is False
    assert files(output) == before


def test_a_folder_is_heard_and_a_broken_file_is_named(
    find, recordings, tmp_path
):
    output = tmp_path / "events"
    formats = ("--format", "csv", "raven")
    status, out, err = find(recordings, "--output", output, *formats, *LOW)
    assert status == 1
    (error,) = [line for line in err.splitlines() if "cannot" in line]
    assert error.startswith(f"cannot hear {recordings}/broken.wav: ")
    names = ["a", "c", "deep/b_20260501_043000"]
    suffixes = (".csv", ".selections.txt", ".timeline.json")
    expected = {name + suffix for name in names for suffix in suffixes}
    assert set(files(output)) == expected
    lines = out.splitlines()
    assert len(lines) == 4
    assert "GMAC an hour" in lines[0] and "with all replays" in lines[-1]
    found = read_events(output / "a.csv")
    assert found and found == sorted(found, key=lambda event: event.start)
    text = (output / "deep/b_20260501_043000.csv").read_text()
    assert "2026-05-01" in text
    assert "2026" not in (output / "a.csv").read_text()
    before = files(output)
    status, out, _ = find(recordings, "--output", output, *formats, *LOW)
    assert status == 1
    assert out.count("(there before)") == 3
    assert files(output) == before


def test_a_report_is_written_later_and_again_the_same(
    find, recordings, tmp_path
):
    arguments = (recordings / "a.wav", "--output", tmp_path / "events", *LOW)
    find(*arguments)
    before = files(tmp_path / "events")
    status, out, _ = find(*arguments, "--report")
    assert status == 0 and "(there before)" in out
    after = files(tmp_path / "events")
    page = after.pop("a.html").decode()
    assert after == before
    replayed = int(re.search(r"(\d+) replayed", out)[1])
    assert page.count('id="replay-') == replayed > 0
    assert 'class="sound"' not in page
    arguments = (recordings / "a.wav", "--output", tmp_path / "again", *LOW)
    find(*arguments, "--report")
    again = (tmp_path / "again/a.html").read_text()
    assert again.splitlines()[8:] == page.splitlines()[8:]
    find(*arguments, "--report_with_sound")
    assert 'class="sound"' in (tmp_path / "again/a.html").read_text()


def test_json_tells_events_and_costs(find, recordings, tmp_path):
    status, out, _ = find(
        recordings / "a.wav", "--output", tmp_path, "--json", *LOW
    )
    assert status == 0
    (line,) = map(json.loads, out.splitlines())
    assert line["file"] == str(recordings / "a.wav")
    assert line["seconds"] == 3.0 and line["windows"] == 5
    assert 0 < line["gmacs"] <= line["gmacs_everywhere"]
    events = read_events(tmp_path / "a.csv")
    assert [event[0] for event in line["events"]] == [e.label for e in events]


def test_a_budget_is_told_apart_and_computes_less(
    with_budgets, recordings, tmp_path, capsys
):
    def replay(*options):
        command = ["timeline", with_budgets, recordings / "a.wav", *LOW]
        command += ["--output", tmp_path / "events", "--json", *options]
        assert main(list(map(str, [*command, "--device", "cpu"]))) == 0
        return json.loads(capsys.readouterr().out)

    whole, one = replay(), replay("--budget", "0.4")
    assert whole["replayed"] > 0 == one["replayed"]
    assert one["heard"] and one["gmacs"] < whole["gmacs"]
    assert not replay("--budget", "0.4")["heard"]


def test_a_stream_has_the_events_of_its_file(
    find, recordings, tmp_path, monkeypatch
):
    delay = ("--delay", 1.5)
    find(recordings / "a.wav", "--output", tmp_path, *delay, *LOW)
    expected = read_events(tmp_path / "a.csv")
    samples, _ = soundfile.read(recordings / "a.wav", dtype="int16")
    stream = SimpleNamespace(buffer=io.BytesIO(samples.tobytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    status, out, _ = find("-", "--output", tmp_path, "--json", *LOW)
    assert status == 0
    printed = [json.loads(line) for line in out.splitlines()]
    (path,) = tmp_path.glob("stream_*_*.csv")
    found = read_events(path)
    assert len(printed) == len(found) == len(expected) > 0
    for one, other in zip(found, expected):
        assert one._replace(score=0) == other._replace(score=0)
        assert one.score == pytest.approx(other.score, abs=1e-3)


def test_a_stream_that_is_stopped_leaves_its_events(
    find, recordings, tmp_path, monkeypatch
):
    samples, _ = soundfile.read(recordings / "a.wav", dtype="int16")

    class Stopped(io.BytesIO):
        def read(self, size=-1):
            data = super().read(size)
            if not data:
                raise KeyboardInterrupt
            return data

        read1 = read

    stream = SimpleNamespace(buffer=Stopped(samples.tobytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    status, out, _ = find("-", "--output", tmp_path, *LOW)
    assert status == 130
    (path,) = tmp_path.glob("stream_*_*.csv")
    assert len(read_events(path)) == len(out.splitlines()) > 0


def test_without_standard_input_there_is_no_stream(find, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    status, _, err = find("-", *LOW)
    assert status == 1 and "there is no standard input" in err


def test_wrong_requests_are_errors_before_anything_is_heard(
    find, recordings, tmp_path
):
    wav = recordings / "a.wav"
    for arguments, message in (
        ([wav], "Give --output"),
        (["-", wav], "heard alone"),
        ([wav, "--output", tmp_path, "--budget", "0.5"], "no budget.json"),
        (["-", "--report"], "has no report"),
        ([wav, "--output", tmp_path, "--threshold", "owl=1"], "no class owl"),
        ([wav, "--output", tmp_path, "--background", "owl"], "no class owl"),
        ([wav, "--output", tmp_path, "--begin", "noon"], "noon"),
        ([wav, "--output", tmp_path, "--delay", "0.1"], "cannot be heard"),
    ):
        status, _, err = find(*arguments)
        assert status == 1 and message in err
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit):
        find(wav, "--output", tmp_path, "--threshold", "owl=loud")


def test_ranks_of_torchrun_share_the_recordings(
    find, recordings, tmp_path, monkeypatch
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        status, *_ = find(recordings, "--output", tmp_path / "shared", *LOW)
        heard = sorted(files(tmp_path / "shared"))
        assert (status, len(heard)) == ((0, 4), (1, 6))[int(rank)]
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    find(recordings, "--output", tmp_path / "alone", *LOW)
    assert files(tmp_path / "alone") == files(tmp_path / "shared")


def test_choices_are_those_of_the_code():
    parser = build_parser()
    command = ["timeline", "model", "a.wav", "--format", *FORMATS]
    assert parser.parse_args(command).format == list(FORMATS)
    assert timeline.FORMATS == list(FORMATS)
    for replays in REPLAYS:
        command = ["timeline", "model", "a.wav", "--replays", replays]
        assert parser.parse_args(command).replays == replays


def start(exported, *arguments):
    """Start the command in a process of its own."""
    command = [sys.executable, "-m", "speechbrain_pib", "timeline"]
    command += [exported.folder, *arguments, "--device", "cpu"]
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_processes_write_what_one_does(find, exported, recordings, tmp_path):
    process = start(
        exported,
        recordings,
        "--output",
        tmp_path / "two",
        "--processes",
        2,
        *LOW,
    )
    _, err = process.communicate()
    assert process.returncode == 1 and b"broken.wav" in err
    find(recordings, "--output", tmp_path / "one", *LOW)
    two, one = files(tmp_path / "two"), files(tmp_path / "one")
    assert two.keys() == one.keys()
    csv = [name for name in one if name.endswith(".csv")]
    assert [two[name] for name in csv] == [one[name] for name in csv]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(
    find, exported, recordings, tmp_path
):
    options = ("--report", *LOW)
    find(recordings, "--output", tmp_path / "whole", *options)
    killed = tmp_path / "killed"
    process = start(exported, recordings, "--output", killed, *options)
    while process.poll() is None and not (killed / "a.timeline.json").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "c.timeline.json" not in files(killed)
    find(recordings, "--output", killed, *options)
    assert "a.html" in files(killed)
    assert files(killed) == files(tmp_path / "whole")


@pytest.mark.slow
def test_events_of_a_pipe_come_while_it_is_open(exported, recordings):
    process = start(exported, "-", "--json", *LOW)
    samples, _ = soundfile.read(recordings / "a.wav", dtype="int16")
    process.stdin.write(samples.tobytes() * 3)
    process.stdin.flush()
    # Else nothing would come before the pipe is closed.
    signal.alarm(60)
    event = json.loads(process.stdout.readline())
    signal.alarm(0)
    assert event["stop"] > event["start"]
    process.communicate()
    assert process.returncode == 0
