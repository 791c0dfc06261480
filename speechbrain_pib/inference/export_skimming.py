"""Writes a trained Skimmer as a folder that SkimmingClassifier loads.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.inference.export import (
    card_header,
    cut_out_model,
    write_inference_folder,
)

INTERFACE = {"speechbrain_interface": "SkimmingClassifier"}

HYPERPARAMS = """\
# Inference with Listen to Look; read by SkimmingClassifier.from_hparams.

image_size: {image_size} # pixels

{model}
student: !new:speechbrain_pib.lobes.models.imgaud2vid.ImgAud2Vid
    num_classes: {student.num_classes}
    sample_rate: {student.sample_rate}
    width: {student.width}
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
modules:
    model: !ref <model>
    student: !ref <student>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        model: !ref <model>
        student: !ref <student>
        label_encoder: !ref <label_encoder>
    custom_hooks:
        model: !name:speechbrain_pib.utils.weights.load_strictly
        student: !name:speechbrain_pib.utils.weights.load_strictly
        label_encoder: !name:speechbrain.dataio.encoder.CategoricalEncoder.load
"""

MODEL_CARD = """\
---
{header}---

# Listen to Look on {dataset}

A [Listen to Look](https://arxiv.org/abs/1912.04487) video classifier for
{num_classes} classes, trained on {dataset}: it previews a video, mostly by its
sound, and looks at {looks} moments that it chooses.

## Results

As measured at the end of the training, on the test videos of {dataset}:

| measure | value |
|---|---|
{results}

## Usage

In Python, with `speechbrain_pib[video]` installed:

```python
from speechbrain_pib.inference.skimming import SkimmingClassifier

classifier = SkimmingClassifier.from_hparams(source="path/to/{folder}")
seen = classifier.classify_video("video.mp4")
print(seen.label, seen.score, seen.looks)
```

In a shell:

```bash
python -m speechbrain_pib classify-video path/to/{folder} video.mp4
```

## Training

```bash
{command}
```

## Limits

- Load this folder only if you trust its source: `hyperparams.yaml` can
  execute code.
- The results hold for the data above. There is no warranty on other data.
- Every video gets one of the {num_classes} classes, also if it shows none of
  them.
"""


def export_skimming(
    folder,
    hparams_file,
    model,
    student,
    label_encoder,
    *,
    dataset,
    metrics,
    command,
    license_id="apache-2.0",
):
    """Writes the folder that `SkimmingClassifier.from_hparams` loads.

    It holds hyperparams.yaml, model.ckpt, student.ckpt, label_encoder.ckpt,
    config.json and README.md, a model card. It appears under its name only
    when it is complete. In distributed training only the main process may
    call this.

    Arguments
    ---------
    folder : str
        Where to write. A folder written here before is replaced.
    hparams_file : str
        YAML file of the training, with the keys "model" and "image_size".
        Nothing in it is constructed.
    model : speechbrain_pib.lobes.models.skimming.Skimmer
        The trained model.
    student : speechbrain_pib.lobes.models.imgaud2vid.ImgAud2Vid
        What computed the features.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.
    dataset : str
        Name of the data.
    metrics : dict
        Name to value, as measured.
    command : str
        The command of the training.
    license_id : str
        License of the weights, an identifier of the Hugging Face hub.

    Raises
    ------
    FileExistsError
        If the folder holds something that was not written here.
    ValueError
        If a key is missing in the YAML file, or the sizes of model and
        student differ.

    Example
    -------
    >>> export_skimming(
    ...     "inference",
    ...     "hyperparams.yaml",
    ...     model,
    ...     student,
    ...     label_encoder,
    ...     dataset="ActivityNet",
    ...     metrics={"top1": 0.7},
    ...     command="python train.py hparams/skim.yaml",
    ... )  # doctest: +SKIP
    """
    if student.output_size != model.input_size:
        raise ValueError(
            f"the student gives {student.output_size} features, the skimming "
            f"takes {model.input_size}; was it trained with other features?"
        )
    settings = cut_out_model(hparams_file, {}, ("image_size",))
    card = MODEL_CARD.format(
        header=card_header(
            dataset, metrics, license_id, "video-classification"
        ),
        dataset=dataset,
        num_classes=len(label_encoder),
        looks=model.looks,
        results="\n".join(f"| {k} | {v:.4g} |" for k, v in metrics.items()),
        folder=os.path.basename(os.path.abspath(folder)),
        command=command,
    )
    texts = {
        "hyperparams.yaml": HYPERPARAMS.format(student=student, **settings),
        "README.md": card,
    }
    modules = {"model": model, "student": student}
    write_inference_folder(folder, INTERFACE, texts, modules, label_encoder)
