"""Features of a folder of videos, a step for each second, in one HDF5 file.

> python -m speechbrain_pib extract-features VIDEO_FOLDER FEATURES.hdf5 \
      --weights imgaud2vid.ckpt

What a step is: see `dataio.video.steps`. Features of sound are 0 in seconds
that are silent (see `ImgAud2Vid.audio_features`), have no sound or come after
its end; `has_audio` in the manifest is False if all are.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import os
from collections import defaultdict

import numpy as np
import torch
from speechbrain.utils.logger import get_logger
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.video.containers import import_av
from speechbrain_pib.dataio.video.features import FeatureStore
from speechbrain_pib.dataio.video.files import find_videos, write_video_list
from speechbrain_pib.dataio.video.steps import IMAGE_SIZE, VideoSteps
from speechbrain_pib.utils.devices import check_device
from speechbrain_pib.utils.files import file_state, locked_folder
from speechbrain_pib.utils.silence import is_silent
from speechbrain_pib.utils.tables import read_rows

logger = get_logger(__name__)

ATTRIBUTES = ("duration", "n_steps", "has_audio")


class Encoder:
    """Turns chunks of `VideoSteps` into features.

    Arguments
    ---------
    student : torch.nn.Module
        With `image_features` and `audio_features`, as ImgAud2Vid; it is put
        into evaluation mode.
    teacher : torch.nn.Module
        A ClipTeacher (default: none).
    device : str
        Where to compute.
    image_size : int
        Side in pixels of the images that it takes.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid
    >>> encoder = Encoder(ImgAud2Vid(7))
    >>> images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> features = encoder({"images": images, "wavs": torch.zeros(2, 16000)})
    >>> {name: array.shape for name, array in features.items()}
    {'image': (2, 512), 'audio': (2, 512)}
    """

    def __init__(
        self, student, teacher=None, device="cpu", image_size=IMAGE_SIZE
    ):
        check_device(device)
        self.student = student.to(device).eval()
        self.teacher = teacher.to(device).eval() if teacher else None
        self.device = device
        self.image_size = image_size

    @torch.inference_mode()
    def __call__(self, chunk):
        """Computes the features of a chunk; name to array [n, size]."""
        images = chunk["images"].to(self.device)
        wavs = chunk["wavs"].to(self.device)
        features = {
            "image": self.student.image_features(images),
            "audio": self.student.audio_features(wavs),
        }
        if self.teacher:
            output = self.teacher(chunk["clips"].to(self.device))
            features["teacher"] = output.features
            features["teacher_logits"] = output.logits
        return {name: x.float().cpu().numpy() for name, x in features.items()}

    def settings(self):
        """What the features depend on, fit for JSON."""
        return {
            "image_size": self.image_size,
            # Version 0.1.0 did so only if the whole video was silent.
            "zeros_for": "silent seconds",
            "student": _hash_weights(self.student),
            "teacher": _hash_weights(self.teacher) if self.teacher else None,
        }


def _hash_weights(module):
    """SHA-256 of all weights."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_annotations(path):
    """Reads what is known of each video.

    Arguments
    ---------
    path : str
        CSV with a column ID, the path of a video from its folder without its
        extension, and any others.

    Returns
    -------
    annotations : dict
        ID to dict of the other columns.

    Raises
    ------
    ValueError
        If it is no CSV file in UTF-8, there is no column ID, or an ID appears
        twice.

    Example
    -------
    >>> path = getfixture("tmpdir") / "labels.csv"
    >>> path.write_text("ID,label\\nv_1,Archery\\n", "utf-8")
    >>> read_annotations(path)
    {'v_1': {'label': 'Archery'}}
    """
    annotations = {}
    for line, row in read_rows(path, ["ID"]):
        key = row.pop("ID")
        if key in annotations:
            raise ValueError(f"{path}, line {line}: {key} appears twice")
        annotations[key] = row
    return annotations


def extract_features(
    video_folder, output, encoder, *, annotations=None, processes=1
):
    """Writes the features of all videos of a folder to one HDF5 file.

    Beside `features.hdf5`, `features.csv` is the manifest: ID, path, features
    (the locator), duration in seconds, n_steps, has_audio, and other columns
    of the annotations; `features_failures.csv` lists videos that are missing or
    unreadable (ID, path, reason). Called again, it continues: a video is
    there completely or not at all. One whose file has another size or time of
    modification since is done again.

    Arguments
    ---------
    video_folder : str
        Where the videos are, in folders or not.
    output : str
        The HDF5 file, read by `read_video_features`.
    encoder : Encoder
        Computes the features.
    annotations : dict
        ID to dict of columns; other videos are left out (default: all
        videos, without columns).
    processes : int
        Videos that are decoded at the same time, beside the process that
        computes features; with 1, that process decodes, too.

    Returns
    -------
    rows : list of dict
        Those of the manifest.
    failures : dict
        ID to reason.

    Raises
    ------
    ValueError
        If the output is not named .hdf5 or .h5, was written with other
        weights or sizes, another process writes it, or no video is readable.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.imgaud2vid import load_student
    >>> encoder = Encoder(load_student("imgaud2vid.ckpt"))  # doctest: +SKIP
    >>> extract_features("videos", "features.hdf5", encoder)  # doctest: +SKIP
    """
    import_av()
    stem, extension = os.path.splitext(output)
    if extension not in (".hdf5", ".h5"):
        raise ValueError(f"{output} shall be named .hdf5 or .h5")
    videos, failures = find_videos(video_folder), {}
    if annotations is not None:
        failures = {k: "no such video" for k in annotations if k not in videos}
        videos = {k: videos[k] for k in annotations if k in videos}
    states = {k: file_state(path) for k, path in videos.items()}
    with locked_folder(f"{output}.parts"):
        store = FeatureStore(output, encoder.settings())
        todo = {k: videos[k] for k in videos if not store.holds(k, states[k])}
        failures.update(_extract(todo, states, store, encoder, processes))
        store.merge()
    file_name = os.path.basename(output)
    rows = [
        {
            **(annotations or {}).get(key, {}),
            "ID": key,
            "path": os.path.abspath(videos[key]),
            "features": f"{file_name}::{key}",
            **{name: store.videos[key][name] for name in ATTRIBUTES},
        }
        for key in videos
        if store.holds(key, states[key])
    ]
    paths = {**dict.fromkeys(failures, ""), **videos}
    write_video_list(f"{stem}_failures.csv", paths, failures)
    if not rows:
        raise ValueError(f"no video in {video_folder} could be read")
    write_manifest(f"{stem}.csv", rows)
    logger.info(
        "%s: %d videos, %d of them without sound; %d missing or unreadable",
        output,
        len(rows),
        sum(not row["has_audio"] for row in rows),
        len(failures),
    )
    return rows, failures


def _extract(videos, states, store, encoder, processes):
    """Adds videos to a store; ID to reason of those that cannot be read."""
    steps = VideoSteps(
        videos,
        encoder.student.sample_rate,
        encoder.teacher is not None,
        encoder.image_size,
    )
    workers = min(processes, len(videos)) if processes > 1 else 0
    loader = torch.utils.data.DataLoader(
        steps, batch_size=None, num_workers=workers
    )
    failures, features, heard = {}, defaultdict(list), set()
    with tqdm(
        total=len(videos), desc="extracting", unit="video", disable=None
    ) as progress:
        for chunk in loader:
            key = chunk["ID"]
            if "images" in chunk:
                features[key].append(encoder(chunk))
                if not is_silent(chunk["wavs"]).all():
                    heard.add(key)
                continue
            parts = features.pop(key, [])
            if "error" in chunk:
                failures[key] = chunk["error"]
            else:
                attributes = {
                    "source": states[key],
                    "duration": round(chunk["duration"], 3),
                    "has_audio": key in heard,
                }
                _add(store, key, parts, attributes)
            progress.update()
    return failures


def _add(store, key, parts, attributes):
    """Adds a video, whose features come in parts, to a store."""
    arrays = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    store.add(key, arrays, {**attributes, "n_steps": len(arrays["image"])})
