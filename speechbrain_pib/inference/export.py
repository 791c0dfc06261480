"""Writes a trained model as a folder that PlayItBackClassifier loads.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.dataio.timelines.settings import EVENT_THRESHOLD
from speechbrain_pib.inference.folders import (
    BUDGET_FILE,
    cut_out_model,
    write_inference_folder,
)
from speechbrain_pib.inference.model_cards import write_card

HYPERPARAMS = """\
# Inference with Play It Back; read by PlayItBackClassifier.from_hparams.

sample_rate: {sample_rate}
views: {views} # windows of a recording, at least
multi_label: {multi_label} # sigmoid instead of softmax
tasks: {tasks} # classes of each task that shares the head
event_threshold: {event_threshold} # evidence that an event of a time line reaches

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
    budgets=None,
    event_threshold=None,
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
    budgets : speechbrain_pib.evaluation.budgets.BudgetTable
        How sure a window must be to be left, for each budget (default: the
        model has no budgets).
    event_threshold : float
        Evidence that an event of a time line reaches (default: nobody
        knows, 0.5).
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
    >>> import torch
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
    >>> sorted(path.basename for path in (folder / "inference").listdir())
    ['README.md', 'config.json', 'hyperparams.yaml', 'label_encoder.ckpt',
     'model.ckpt']
    """
    settings = cut_out_model(
        hparams_file, overrides, ("sample_rate", "test_views")
    )
    card = write_card(
        "playitback.md",
        title=title,
        dataset=dataset,
        metrics=metrics,
        command=command,
        task="audio-classification",
        license_id=license_id,
        num_classes=len(label_encoder),
        sample_rate=settings["sample_rate"],
    )
    texts = {
        "hyperparams.yaml": HYPERPARAMS.format(
            multi_label=multi_label,
            tasks="null" if tasks is None else list(tasks),
            event_threshold=event_threshold or EVENT_THRESHOLD,
            sample_rate=settings["sample_rate"],
            views=settings["test_views"],
            model=settings["model"],
        ),
        "README.md": card,
    }
    if budgets is not None:
        texts[BUDGET_FILE] = budgets.to_text()
    write_inference_folder(
        folder, "PlayItBackClassifier", texts, {"model": model}, label_encoder
    )
