"""Writes a trained model as a folder that PlayItBackClassifier loads.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

import torch
import yaml
from hyperpyyaml import resolve_references

from speechbrain_pib.utils.files import atomic_folder

INTERFACE = {"speechbrain_interface": "PlayItBackClassifier"}
TRAINING_ONLY = ("augment", "freeze_backbone", "checkpoint_activations")

HYPERPARAMS = """\
# Inference with Play It Back; read by PlayItBackClassifier.from_hparams.

sample_rate: {sample_rate}
views: {views} # windows of a recording, at least
multi_label: {multi_label} # sigmoid instead of softmax
tasks: {tasks} # classes of each task that shares the head

{model}
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
modules:
    model: !ref <model>
audio_normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer
    sample_rate: !ref <sample_rate>
    mix: avg-to-mono
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        model: !ref <model>
        label_encoder: !ref <label_encoder>
    custom_hooks:
        model: !name:speechbrain_pib.utils.weights.load_strictly
        label_encoder: !name:speechbrain.dataio.encoder.CategoricalEncoder.load
"""

MODEL_CARD = """\
---
{header}---

# {title}

A [Play It Back](https://arxiv.org/abs/2210.11328) audio classifier for
{num_classes} classes, trained on {dataset}: it listens once, chooses what
matters, and replays it more finely.

## Results

As measured at the end of the training, on the test clips of {dataset}:

| measure | value |
|---|---|
{results}

## Usage

In Python, with `speechbrain_pib` installed:

```python
from speechbrain_pib.inference.classifiers import PlayItBackClassifier

classifier = PlayItBackClassifier.from_hparams(source="path/to/{folder}")
out_prob, score, index, text_lab = classifier.classify_file("sound.wav")
heard = classifier.listen_file("sound.wav")
print(text_lab[0], float(score[0]), heard.segments)
```

In a shell:

```bash
python -m speechbrain_pib classify path/to/{folder} sound.wav
```

Files may have any sampling rate, number of channels and duration;
`classify_batch` takes waveforms at {sample_rate} Hz.

## Training

```bash
{command}
```

## Limits

- Load this folder only if you trust its source: `hyperparams.yaml` can
  execute code.
- The results hold for the data above. There is no warranty on other data.
- Every recording gets one of the {num_classes} classes, also if it holds none
  of them.
"""


def export_inference(
    folder,
    hparams_file,
    overrides,
    model,
    label_encoder,
    *,
    title,
    dataset,
    metrics,
    command,
    multi_label=False,
    tasks=None,
    license_id="apache-2.0",
):
    """Writes the folder that `PlayItBackClassifier.from_hparams` loads.

    It holds hyperparams.yaml, model.ckpt, label_encoder.ckpt, config.json and
    README.md, a model card, and can be moved or published as it is. It appears
    under its name only when it is complete. In distributed training only the
    main process may call this.

    Arguments
    ---------
    folder : str
        Where to write. A folder written here before is replaced.
    hparams_file : str
        YAML file of the training, with the keys "model", "sample_rate" and
        "test_views". Nothing in it is constructed.
    overrides : str or dict
        Its overrides, as `speechbrain.parse_arguments` returns them.
    model : torch.nn.Module
        The trained model.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.
    title : str
        Title of the model card.
    dataset : str
        Name of the data.
    metrics : dict
        Name to value, as measured.
    command : str
        The command of the training.
    multi_label : bool
        Whether classes are independent (sigmoid instead of softmax).
    tasks : list of int
        Number of classes of each task that shares the head.
    license_id : str
        License of the weights, an identifier of the Hugging Face hub.

    Raises
    ------
    FileExistsError
        If the folder holds something that was not written here.
    ValueError
        If a key is missing in the YAML file.

    Example
    -------
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> folder = getfixture("tmpdir")
    >>> hparams_file = folder / "train.yaml"
    >>> hparams_file.write_text(
    ...     "sample_rate: 16000\\ntest_views: 2\\nwidth: 3\\n"
    ...     "model: !new:torch.nn.Linear\\n    in_features: !ref <width>\\n"
    ...     "    out_features: 2\\n",
    ...     encoding="utf-8",
    ... )
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["bark", "meow"])
    >>> export_inference(
    ...     folder / "inference",
    ...     hparams_file,
    ...     {},
    ...     torch.nn.Linear(3, 2),
    ...     label_encoder,
    ...     title="Dogs and cats",
    ...     dataset="Pets",
    ...     metrics={"top1": 0.9},
    ...     command="python train.py train.yaml",
    ... )
    >>> sorted(os.listdir(folder / "inference"))
    ['README.md', 'config.json', 'hyperparams.yaml', 'label_encoder.ckpt',
     'model.ckpt']
    """
    folder = os.path.abspath(folder)
    settings = cut_out_model(
        hparams_file, overrides, ("sample_rate", "test_views")
    )
    card = MODEL_CARD.format(
        header=card_header(dataset, metrics, license_id),
        title=title,
        dataset=dataset,
        num_classes=len(label_encoder),
        results="\n".join(f"| {k} | {v:.4g} |" for k, v in metrics.items()),
        folder=os.path.basename(folder),
        sample_rate=settings["sample_rate"],
        command=command,
    )
    texts = {
        "hyperparams.yaml": HYPERPARAMS.format(
            multi_label=multi_label,
            tasks="null" if tasks is None else list(tasks),
            sample_rate=settings["sample_rate"],
            views=settings["test_views"],
            model=settings["model"],
        ),
        "README.md": card,
    }
    write_inference_folder(
        folder, INTERFACE, texts, {"model": model}, label_encoder
    )


def write_inference_folder(folder, interface, texts, modules, label_encoder):
    """Writes a folder that appears when it is complete.

    Arguments
    ---------
    folder : str
        Where to write. A folder written here before is replaced.
    interface : dict
        What config.json holds: the class that loads the folder.
    texts : dict
        Name to text of further files.
    modules : dict
        Name to torch.nn.Module, whose weights become `<name>.ckpt`.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.

    Raises
    ------
    FileExistsError
        If the folder holds something that was not written here.

    Example
    -------
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> folder = str(getfixture("tmpdir") / "inference")
    >>> modules = {"model": torch.nn.Linear(1, 1)}
    >>> write_inference_folder(folder, {}, {}, modules, CategoricalEncoder())
    >>> sorted(os.listdir(folder))
    ['config.json', 'label_encoder.ckpt', 'model.ckpt']
    """
    folder = os.path.abspath(folder)
    _check_replaceable(folder, interface)
    with atomic_folder(folder) as temporary:
        texts = {**texts, "config.json": json.dumps(interface) + "\n"}
        for name, text in texts.items():
            with open(
                os.path.join(temporary, name), "w", encoding="utf-8"
            ) as file:
                file.write(text)
        for name, module in modules.items():
            state = {k: v.cpu() for k, v in module.state_dict().items()}
            torch.save(state, os.path.join(temporary, f"{name}.ckpt"))
        # Pretrainer looks for "<name>.ckpt", whatever is in it; this is text.
        label_encoder.save(os.path.join(temporary, "label_encoder.ckpt"))


def cut_out_model(hparams_file, overrides, keys):
    """Takes from the YAML file of a training what inference needs.

    The document is composed but not constructed, and its references are
    resolved, so the model is cut out with no other key.

    Arguments
    ---------
    hparams_file : str
        The YAML file.
    overrides : str or dict
        Its overrides, as `speechbrain.parse_arguments` returns them.
    keys : tuple of str
        Keys of plain values.

    Returns
    -------
    settings : dict
        "model", as YAML, and the values of the keys, as text.

    Raises
    ------
    ValueError
        If a key is missing.

    Example
    -------
    >>> path = getfixture("tmpdir") / "train.yaml"
    >>> text = "size: 2\\nmodel: !new:torch.nn.ReLU\\n    inplace: True\\n"
    >>> path.write_text(text, encoding="utf-8")
    >>> settings = cut_out_model(path, {}, ("size",))
    >>> print(settings["size"], settings["model"])
    2 model: !new:torch.nn.ReLU
        inplace: true
    """
    with open(hparams_file, encoding="utf-8") as file:
        resolved = resolve_references(file, overrides)
    document = yaml.compose(resolved, Loader=yaml.SafeLoader)
    entries = {key.value: (key, value) for key, value in document.value}
    missing = {"model", *keys} - set(entries)
    if missing:
        raise ValueError(
            f"{hparams_file} cannot be exported without the keys "
            + ", ".join(sorted(missing))
        )
    key, model = entries["model"]
    model.value = [
        (name, value)
        for name, value in model.value
        if name.value not in TRAINING_ONLY
    ]
    document.value = [(key, model)]
    return {
        "model": yaml.serialize(document, Dumper=yaml.SafeDumper, indent=4),
        **{name: entries[name][1].value for name in keys},
    }


def card_header(dataset, metrics, license_id, task="audio-classification"):
    """Writes the block of a model card that the Hugging Face hub reads.

    Arguments
    ---------
    dataset : str
        Name of the data.
    metrics : dict
        Name to value, as measured.
    license_id : str
        License of the weights, an identifier of the hub.
    task : str
        What the model does, an identifier of the hub.

    Returns
    -------
    header : str
        YAML.

    Example
    -------
    >>> card_header("Pets", {"top1": 0.9}, "apache-2.0").splitlines()[0]
    'license: apache-2.0'
    """
    header = {
        "license": license_id,
        "library_name": "speechbrain",
        "pipeline_tag": task,
        "tags": ["speechbrain", task, "Sound"],
        "datasets": [dataset],
        "metrics": list(metrics),
    }
    return yaml.safe_dump(header, sort_keys=False)


def _check_replaceable(folder, interface):
    """Raises if the folder holds something else than an earlier export."""
    if not os.path.exists(folder) or not os.listdir(folder):
        return
    try:
        with open(os.path.join(folder, "config.json")) as file:
            ours = json.load(file) == interface
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise FileExistsError(
            f"{folder} holds something else than an exported model; move it "
            "away, or export to another folder"
        )
