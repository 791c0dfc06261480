"""Printing to terminals that lack characters, and to nobody."""

import io
import os

import pytest

from speechbrain_pib.utils.printing import show


@pytest.fixture
def pipe():
    """A pipe: its end for reading, and one for Latin-1 to print to."""
    reader, writer = os.pipe()
    stream = io.TextIOWrapper(os.fdopen(writer, "wb"), encoding="latin-1")
    reader = os.fdopen(reader, "rb")
    yield reader, stream
    reader.close()
    stream.close()


def test_what_the_terminal_lacks_is_escaped(pipe, monkeypatch):
    reader, stream = pipe
    monkeypatch.setattr("sys.stdout", stream)
    show("caf\u00e9 \u6a02 \udcff")
    stream.close()
    assert reader.read() == b"caf\xe9 \\u6a02 \\udcff\n"


def test_a_run_goes_on_where_nobody_reads_its_table(pipe, monkeypatch):
    reader, stream = pipe
    monkeypatch.setattr("sys.stdout", stream)
    reader.close()
    for _ in range(2):
        show("| top1 |\n" * 100_000)
    stream.flush()
