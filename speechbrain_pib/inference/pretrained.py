"""Inference folders of published networks, from their weights alone.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
from collections import Counter

from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.timelines.settings import EVENT_THRESHOLD
from speechbrain_pib.inference.export import HYPERPARAMS
from speechbrain_pib.inference.folders import write_inference_folder
from speechbrain_pib.inference.model_cards import write_card
from speechbrain_pib.utils.tables import read_rows
from speechbrain_pib.utils.weight_files import fetch, read_state
from speechbrain_pib.utils.weights import load_weights

MODEL = """\
model: !new:speechbrain_pib.lobes.models.playitback.PlayItBack
    fbank: !new:speechbrain_pib.lobes.pretrained_features.PretrainedFbank
        network: {network}
    backbone: !new:{backbone}
        num_classes: {num_classes}
"""
NETWORKS = {
    "yamnet": {
        "backbone": "speechbrain_pib.lobes.models.yamnet.YAMNet",
        "description": "[YAMNet](https://github.com/tensorflow/models/tree/"
        "master/research/audioset/yamnet) of Google",
        "dataset": "AudioSet",
        "license_id": "apache-2.0",
        "classes": "yamnet_class_map.csv",
    },
    "ast": {
        "backbone": "speechbrain_pib.lobes.models.spectrogram_transformer.AST",
        "description": "[AST](https://huggingface.co/MIT/"
        "ast-finetuned-audioset-10-10-0.4593) of MIT",
        "dataset": "AudioSet",
        "license_id": "bsd-3-clause",
        "classes": "config.json",
    },
}


def write_pretrained(folder, network, weights, classes=None):
    """Writes the inference folder of a published network.

    Nothing is trained. `PlayItBackClassifier.from_hparams` loads the folder.

    Arguments
    ---------
    folder : str
        Where to write. A folder written here before is replaced.
    network : str
        A key of NETWORKS: "yamnet" or "ast".
    weights : str
        Its weights, as `read_state` takes them.
    classes : str
        As for `read_classes` (default: that of the network's release, beside
        the weights).

    Returns
    -------
    num_classes : int

    Raises
    ------
    ValueError
        Names each entry of the weights that does not match; or if the classes
        are not as many as those of the weights.
    FileExistsError
        If the folder holds something that was not written here.

    Example
    -------
    >>> write_pretrained("out", "yamnet", "yamnet.h5")  # doctest: +SKIP
    521
    """
    settings = NETWORKS[network]
    if classes is None:
        classes = os.path.join(os.path.dirname(weights), settings["classes"])
    labels = read_classes(fetch(classes))
    text = MODEL.format(
        network=network,
        backbone=settings["backbone"],
        num_classes=len(labels),
    )
    model = load_hyperpyyaml(text)["model"]
    state = model.backbone.convert_weights(read_state(weights))
    load_weights(model.backbone, state, weights)
    sample_rate = model.fbank.sample_rate
    card = write_card(
        "pretrained.md",
        title=f"{network} on {settings['dataset']}",
        dataset=settings["dataset"],
        metrics={},
        command=f"speechbrain-pib pretrained {network} WEIGHTS FOLDER",
        task="audio-classification",
        license_id=settings["license_id"],
        network=settings["description"],
        num_classes=len(labels),
        sample_rate=sample_rate,
        seconds=f"{model.fbank.n_samples / sample_rate:g}",
    )
    hyperparams = HYPERPARAMS.format(
        sample_rate=sample_rate,
        views=1,
        multi_label=True,
        tasks="null",
        event_threshold=EVENT_THRESHOLD,
        model=text,
    )
    texts = {"hyperparams.yaml": hyperparams, "README.md": card}
    write_inference_folder(
        folder, "PlayItBackClassifier", texts, {"model": model}, labels
    )
    return len(labels)


def read_classes(path):
    """Reads the classes of AudioSet, or of a part of it.

    Arguments
    ---------
    path : str
        CSV file with the columns "index" and "display_name", or config.json
        of a model of the Hugging Face Hub.

    Returns
    -------
    labels : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.

    Raises
    ------
    ValueError
        If it lists none, they are not numbered from 0 on, or two have one
        name.

    Example
    -------
    >>> path = getfixture("tmpdir") / "classes.csv"
    >>> path.write_text(
    ...     "index,mid,display_name\\n0,/m/09x0r,Speech\\n", encoding="utf-8"
    ... )
    >>> read_classes(str(path)).lab2ind
    {'Speech': 0}
    """
    if path.endswith(".json"):
        numbered = _read_config(path)
    else:
        columns = ("index", "display_name")
        rows = [row for _, row in read_rows(path, columns)]
        numbered = [tuple(row[column] for column in columns) for row in rows]
    if not numbered:
        raise ValueError(f"{path} lists no classes")
    if [number for number, _ in numbered] != [*map(str, range(len(numbered)))]:
        raise ValueError(f"{path} does not number its classes 0, 1, 2, ...")
    names = Counter(name for _, name in numbered)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"{path} lists {twice[0]!r} twice")
    labels = CategoricalEncoder()
    labels.update_from_iterable(names)
    labels.expect_len(len(names))
    return labels


def _read_config(path):
    """Number and name of each class of a model of the Hugging Face Hub."""
    with open(path, encoding="utf-8") as file:
        try:
            classes = json.load(file)["id2label"].items()
            return sorted(classes, key=lambda item: int(item[0]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is no config.json with the classes as id2label"
            ) from error
