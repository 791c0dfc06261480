"""Tests of manifests as data sets.

Authors
 * The speechbrain_pib developers 2026
"""

import pickle
import tracemalloc

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.dataloader import SaveableDataLoader, make_dataloader
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.sampler import ReproducibleRandomSampler

from speechbrain_pib.dataio import manifest_dataset
from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.manifest_dataset import (
    ManifestDataset,
    ManifestTable,
)


def write_rows(path, count):
    """A manifest of awkward values."""
    labels = ["dog", 'say "hi", then go', "bébé", "a|b"]
    rows = [
        {
            "ID": f"clip {n}",
            "duration": n / 4,
            "wav": f"/data/{n}.wav",
            "label": labels[n % 4],
        }
        for n in range(count)
    ]
    write_manifest(path, rows)
    return str(path)


@pytest.mark.parametrize("block", [7, 2**24])
def test_rows_are_those_of_speechbrain(tmp_path, monkeypatch, block):
    monkeypatch.setattr(manifest_dataset, "BLOCK_BYTES", block)
    path = write_rows(tmp_path / "a.csv", 20)
    expected = DynamicItemDataset.from_csv(path).data
    rows = ManifestTable(path)
    assert len(rows) == 20
    assert {row.pop("ID"): row for row in rows} == expected
    for name in ("duration", "wav", "label"):
        assert rows.column(name) == [row[name] for row in expected.values()]
    assert rows[-1] == rows[19]
    for index in (20, -21):
        with pytest.raises(IndexError):
            rows[index]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_any_end_of_the_last_line_will_do(tmp_path, end):
    (tmp_path / "a.csv").write_bytes(
        b"ID,label\r\na,dog\r\nb,cat" + end.encode()
    )
    rows = ManifestTable(tmp_path / "a.csv")
    assert [row["label"] for row in rows] == ["dog", "cat"]


def test_locators_are_relative_to_the_manifest(tmp_path):
    (tmp_path / "a.csv").write_text("ID,wav\na,s.tar::0+9\nb,/x/b.wav\n")
    expected = [f"{tmp_path}/s.tar::0+9", "/x/b.wav"]
    rows = ManifestTable(tmp_path / "a.csv")
    assert [row["wav"] for row in rows] == rows.column("wav") == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("ID,label\n", "holds no clips"),
        ("name,label\na,dog\n", "no column ID"),
        ("ID,label\na,dog\nb,big,cat\n", "line 3: expected the columns"),
        ("ID,label\na,dog\n\n", "line 3: expected the columns"),
        ("ID,duration\na,long\n", "duration: .* to float: 'long'"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=f"bad.csv.*{message}"):
        list(ManifestTable(tmp_path / "bad.csv"))


def test_an_unknown_column_is_an_error(tmp_path):
    path = write_rows(tmp_path / "a.csv", 1)
    with pytest.raises(ValueError, match="no column start"):
        ManifestTable(path).column("start")


def test_memory_is_8_bytes_a_row_and_none_in_a_pickle(tmp_path):
    path = write_rows(tmp_path / "a.csv", 20000)
    tracemalloc.start()
    dataset = ManifestDataset(path)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20000 * 8 + 50000
    assert len(pickle.dumps(dataset.table)) < 1000


def halve(duration):
    """A dynamic item that can be pickled."""
    return torch.tensor([duration / 2])


def make_dataset(path):
    """Ids and half the durations."""
    dataset = ManifestDataset(path)
    dataset.add_dynamic_item(halve, "duration", "half")
    dataset.set_output_keys(["id", "half"])
    return dataset


@pytest.mark.parametrize(
    "method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)]
)
def test_workers_read_what_the_parent_reads(tmp_path, method):
    dataset = make_dataset(write_rows(tmp_path / "a.csv", 50))
    loader = make_dataloader(
        dataset,
        batch_size=8,
        num_workers=2 if method == "fork" else 1,
        multiprocessing_context=method,
    )
    assert isinstance(loader, SaveableDataLoader)
    batches = list(loader)
    assert [i for batch in batches for i in batch.id] == dataset.column("ID")
    halves = torch.cat([batch.half.data.flatten() for batch in batches])
    assert halves.tolist() == [n / 8 for n in range(50)]


def add_noise(half):
    """A dynamic item that is random."""
    return half + torch.randn(1)


def collate_and_draw(items):
    """Noise of each item, and what the batch draws itself."""
    return torch.stack([item["noisy"][0] for item in items]), torch.rand(())


@pytest.fixture
def draw(tmp_path):
    """Returns a function from a seed and a number of workers to what an epoch
    of random items holds."""
    dataset = make_dataset(write_rows(tmp_path / "a.csv", 12))
    dataset.add_dynamic_item(add_noise, "half", "noisy")
    dataset.set_output_keys(["noisy"])

    def draw(seed, workers, order=range(12)):
        if seed is not None:
            dataset.set_seed(seed)
        loader = torch.utils.data.DataLoader(
            dataset,
            batch_size=4,
            sampler=order,
            num_workers=workers,
            collate_fn=collate_and_draw,
        )
        items, batches = zip(*loader)
        return torch.cat(items), torch.stack(batches)

    return draw


def test_what_is_random_follows_the_seed_and_not_the_workers(draw):
    items, batches = draw(1, 0)
    for workers in (0, 1, 2):
        again, batches_again = draw(1, workers)
        assert torch.equal(items, again)
        assert torch.equal(batches, batches_again)
    others, other_batches = draw(2, 0)
    assert not (items == others).any()
    assert not (batches == other_batches).any()
    assert len({round(noise.item(), 4) for noise in items}) == 12


def test_what_is_random_in_a_clip_does_not_depend_on_the_order(draw):
    items, _ = draw(1, 0)
    backwards, _ = draw(1, 0, range(11, -1, -1))
    assert torch.equal(items, backwards.flip(0))


def test_without_a_seed_each_pass_draws_anew(draw):
    items, _ = draw(None, 0)
    again, _ = draw(None, 0)
    assert not (items == again).any()


class CountingBrain(sb.Brain):
    """Keeps the ids of a stage."""

    def compute_forward(self, batch, stage):
        return self.modules.model(batch.half.data)

    def compute_objectives(self, predictions, batch, stage):
        self.ids += batch.id
        return predictions.sum()

    def on_stage_start(self, stage, epoch=None):
        self.ids = []


@pytest.mark.parametrize("debug", [False, True])
def test_brain_takes_it(tmp_path, debug):
    dataset = make_dataset(write_rows(tmp_path / "a.csv", 20))
    brain = CountingBrain(
        {"model": torch.nn.Linear(1, 1)},
        lambda parameters: torch.optim.SGD(parameters, 0.1),
        run_opts={"device": "cpu", "debug": debug, "noprogressbar": True},
    )
    sampler = ReproducibleRandomSampler(dataset)
    brain.fit(
        [1], dataset, train_loader_kwargs={"sampler": sampler, "batch_size": 4}
    )
    ids = brain.ids
    assert len(set(ids)) == (8 if debug else 20)
    brain.evaluate(dataset, test_loader_kwargs={"batch_size": 4})
    assert brain.ids == dataset.column("ID")[: 8 if debug else 20]
    assert ids != brain.ids
