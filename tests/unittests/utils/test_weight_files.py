"""Files of weights are data: read whole, or refused with a reason."""

import pickle
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.utils import weight_files
from speechbrain_pib.utils.weight_files import read_state


def test_a_file_cut_short_is_called_incomplete(tmp_path):
    path = tmp_path / "weights.ckpt"
    torch.save(MViTv2(5, "nano").state_dict(), path)
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(ValueError, match="weights.ckpt is damaged or incompl"):
        read_state(str(path))


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."],
)
def test_names_of_wrapped_modules_are_unwrapped(tmp_path, prefix):
    module = torch.nn.ModuleDict({"module": torch.nn.Linear(2, 2)})
    state = module.state_dict()
    path = str(tmp_path / "weights.ckpt")
    torch.save({prefix + name: value for name, value in state.items()}, path)
    # A module that is itself called so, beside another, keeps its name.
    state["other"] = torch.ones(1)
    own = str(tmp_path / "own.ckpt")
    torch.save(state, own)
    assert read_state(path).keys() == {"weight", "bias"}
    assert read_state(own).keys() == state.keys()


def test_numbers_of_numpy_may_lie_beside_the_weights(tmp_path):
    path = str(tmp_path / "weights.ckpt")
    metrics = {
        kind.__name__: kind(1)
        for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)
    }
    torch.save({"state_dict": {"bias": torch.ones(2)}, **metrics}, path)
    assert torch.equal(read_state(path)["bias"], torch.ones(2))


class Hostile:
    """Would run a command when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a stranger ran')",))


def test_a_hostile_file_is_data_not_code(tmp_path):
    path = tmp_path / "hostile.ckpt"
    path.write_bytes(pickle.dumps({"weight": Hostile()}))
    with pytest.raises(ValueError, match="hostile.ckpt"):
        read_state(str(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.ckpt"):
        read_state(str(tmp_path / "absent.ckpt"))


@pytest.mark.parametrize(
    "value, named",
    [
        (SimpleNamespace(a=1), "types.SimpleNamespace"),
        (print, "print"),
        (3, ""),
    ],
)
def test_nobody_is_told_to_run_what_a_file_holds(tmp_path, value, named):
    path = str(tmp_path / "weights.ckpt")
    torch.save({"weight": value}, path)
    with pytest.raises(ValueError, match="weights.ckpt") as error:
        read_state(path)
    message = str(error.value)
    assert named in message and len(message.splitlines()) == 1
    assert "weights_only" not in message and error.value.__cause__ is None


def write_npz(path, state):
    np.savez(path, **{name: value.numpy() for name, value in state.items()})


def write_hdf5(path, state):
    with h5py.File(path, "w") as file:
        for name, value in state.items():
            file[name] = value.numpy()


@pytest.mark.parametrize(
    "name, write",
    [
        ("weights.npz", write_npz),
        ("weights.h5", write_hdf5),
        ("weights.hdf5", write_hdf5),
        ("weights.safetensors", lambda path, state: save_file(state, path)),
    ],
)
def test_files_of_arrays_are_read_and_damage_is_named(tmp_path, name, write):
    state = {"a/b": torch.randn(3, 2), "module": torch.ones(2)}
    path = tmp_path / name
    write(path, state)
    read = read_state(path)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        read_state(path)
    with pytest.raises(FileNotFoundError, match=f"no weight file .*{name}"):
        read_state(tmp_path / "absent" / name)


@pytest.mark.parametrize(
    "state", [{5: torch.ones(2)}, {"bias": torch.ones(2).to_sparse()}]
)
def test_odd_dictionaries_are_no_weights(tmp_path, state):
    torch.save(state, tmp_path / "odd.ckpt")
    with pytest.raises(ValueError, match="odd.ckpt holds no dictionary"):
        read_state(str(tmp_path / "odd.ckpt"))


def test_objects_in_a_file_of_arrays_are_not_unpickled(tmp_path):
    path = tmp_path / "hostile.npz"
    np.savez(path, weight=np.array([Hostile()], dtype=object))
    with pytest.raises(ValueError, match="hostile.npz is damaged, or no file"):
        read_state(path)


@pytest.mark.parametrize("source", ["hf://owner/file.npz", "hf:///a/b"])
def test_half_a_name_on_the_hub_is_an_error(source):
    with pytest.raises(ValueError, match="is not as hf://owner/name/file"):
        read_state(source)


def test_a_file_of_the_hub_is_fetched(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    write_npz(path, {"bias": torch.ones(2)})
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return str(path)

    monkeypatch.setattr(weight_files, "hf_hub_download", download)
    assert torch.equal(
        read_state("hf://owner/name/deep/weights.npz")["bias"], torch.ones(2)
    )
    assert asked == [("owner/name", "deep/weights.npz")]
