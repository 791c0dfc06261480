"""Tests of files and folders that are whole or absent, and of locks.

Authors
 * The speechbrain_pib developers 2026
"""

import errno
import fcntl
import hashlib
import os
import subprocess
import sys

import pytest

from speechbrain_pib.utils.files import (
    atomic_folder,
    atomic_path,
    atomic_writer,
    hash_file,
    locked_folder,
)


def write_text(path, text):
    with atomic_writer(path) as file:
        file.write(text)


def write_bytes(path, text):
    with atomic_writer(path, "wb") as file:
        file.write(text.encode())


def write_by_path(path, text):
    with atomic_path(path) as temporary:
        with open(temporary, "w") as file:
            file.write(text)


FILE_WRITERS = [write_text, write_bytes, write_by_path]


@pytest.mark.parametrize("write", FILE_WRITERS)
def test_a_file_is_made_with_its_folder_and_replaced(write, tmp_path):
    path = tmp_path / "new" / "note.txt"
    write(path, "one\r\n")
    write(path, "two\n")
    assert path.read_bytes() == b"two\n"
    assert os.listdir(path.parent) == ["note.txt"]


@pytest.mark.parametrize("write", FILE_WRITERS)
def test_a_link_stays_a_link(write, tmp_path):
    target = tmp_path / "elsewhere" / "note.txt"
    write(target, "old")
    (tmp_path / "link.txt").symlink_to(target)
    write(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_an_interrupted_write_keeps_the_old_file(mode, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with atomic_writer(path, mode) as file:
            file.write("half" if mode == "w" else b"half")
            raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []

    def note(name):
        real = getattr(os, name)

        def noted(*arguments):
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, noted)

    for name in ("fsync", "replace", "rename"):
        note(name)
    write_text(tmp_path / "note.txt", "text")
    make_folder(tmp_path / "folder", "ab")
    assert calls == ["fsync", "replace", "fsync", "fsync", "rename"]


def make_folder(folder, names):
    """A folder of files in a folder."""
    with atomic_folder(folder) as temporary:
        for name in names:
            path = os.path.join(temporary, "inside", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(name)


def test_a_folder_is_made_and_replaced(tmp_path):
    folder = tmp_path / "new" / "folder"
    make_folder(folder, "ab")
    make_folder(folder, "bc")
    assert sorted(os.listdir(folder / "inside")) == ["b", "c"]
    assert os.listdir(folder.parent) == ["folder"]


def test_an_interrupted_folder_keeps_the_old_one(tmp_path):
    make_folder(tmp_path / "folder", "ab")
    with pytest.raises(KeyboardInterrupt):
        with atomic_folder(tmp_path / "folder") as temporary:
            os.mkdir(os.path.join(temporary, "half"))
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["folder"]
    assert sorted(os.listdir(tmp_path / "folder" / "inside")) == ["a", "b"]


def test_a_folder_that_cannot_be_renamed_keeps_the_old_one(
    tmp_path, monkeypatch
):
    make_folder(tmp_path / "folder", "ab")
    rename = os.rename

    def fail(source, target):
        if target.endswith("folder") and "earlier" not in source:
            raise OSError(errno.EIO, "disk")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="disk"):
            make_folder(tmp_path / "folder", "c")
    assert os.listdir(tmp_path) == ["folder"]
    assert sorted(os.listdir(tmp_path / "folder" / "inside")) == ["a", "b"]


def run(code, *arguments):
    """Runs code in another process, which may kill itself."""
    code = (
        "import os, sys\n"
        "from speechbrain_pib.utils.files import *\n"
        "def die(*_): os.kill(os.getpid(), 9)\n"
    ) + code
    command = [sys.executable, "-c", code, *map(str, arguments)]
    assert subprocess.run(command).returncode == -9


def test_a_process_killed_between_two_renames_loses_nothing(tmp_path):
    folder = tmp_path / "folder"
    make_folder(folder, "ab")
    run(
        "rename = os.rename\n"
        "with atomic_folder(sys.argv[1]):\n"
        "    def once(*arguments):\n"
        "        rename(*arguments)\n"
        "        die()\n"
        "    os.rename = once\n",
        folder,
    )
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt):
        with atomic_folder(folder):
            raise KeyboardInterrupt
    assert sorted(os.listdir(folder / "inside")) == ["a", "b"]


def test_what_a_killed_process_leaves_is_no_result(tmp_path):
    folder = tmp_path / "packed"
    write_text(folder / "deep" / "train.csv", "old")
    (folder / "mine.tmp").write_text("of somebody else")
    run(
        "with locked_folder(sys.argv[1]):\n"
        "    with atomic_writer(sys.argv[1] + '/deep/train.csv') as file:\n"
        "        file.write('half')\n"
        "        file.flush()\n"
        "        die()\n",
        folder,
    )
    left = os.listdir(folder / "deep")
    assert len(left) == 2
    assert [n for n in left if not n.endswith(".tmp")] == ["train.csv"]
    assert (folder / "deep" / "train.csv").read_text() == "old"
    with locked_folder(folder):
        assert os.listdir(folder / "deep") == ["train.csv"]
        assert (folder / "mine.tmp").exists()


def test_what_a_killed_process_leaves_of_a_folder_is_removed(tmp_path):
    folder = tmp_path / "run"
    run(
        "with locked_folder(sys.argv[1]):\n"
        "    with atomic_folder(sys.argv[1] + '/inference') as temporary:\n"
        "        open(temporary + '/model.ckpt', 'w').close()\n"
        "        die()\n",
        folder,
    )
    assert any(name.endswith(".tmp") for name in os.listdir(folder))
    with locked_folder(folder):
        assert os.listdir(folder) == ["lock"]


def test_one_at_a_time_holds_a_folder(tmp_path):
    with locked_folder(tmp_path / "new"):
        with pytest.raises(ValueError, match="another process writes into"):
            with locked_folder(tmp_path / "new"):
                pass
    with locked_folder(tmp_path / "new"):
        pass


@pytest.mark.parametrize("code", ["ENOSYS", "ENOTSUP", "ENOLCK"])
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_work_goes_on_where_there_are_no_locks(code, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(getattr(errno, code), "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with locked_folder(tmp_path):
            write_text(tmp_path / "note.txt", "text")
    assert (tmp_path / "note.txt").read_text() == "text"


def test_other_errors_of_a_lock_are_raised(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="disk"):
        with locked_folder(tmp_path):
            pass


def test_hash_is_that_of_the_content(tmp_path):
    content = os.urandom(2**21 + 5)
    (tmp_path / "file").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert hash_file(tmp_path / "file") == expected
