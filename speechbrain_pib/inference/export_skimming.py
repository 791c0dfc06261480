"""Writes a trained Skimmer as a folder that SkimmingClassifier loads.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.inference.folders import (
    BUDGET_FILE,
    cut_out_model,
    write_inference_folder,
)
from speechbrain_pib.inference.model_cards import write_card

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
    budgets=None,
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
    budgets : speechbrain_pib.evaluation.budgets.BudgetTable
        How sure a video must be to be left, for each budget (default: the
        model has no budgets).
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
    check_student(student, model)
    settings = cut_out_model(hparams_file, {}, ("image_size",))
    card = write_card(
        "skimming.md",
        title=f"Listen to Look on {dataset}",
        dataset=dataset,
        metrics=metrics,
        command=command,
        task="video-classification",
        license_id=license_id,
        num_classes=len(label_encoder),
        looks=model.looks,
    )
    texts = {
        "hyperparams.yaml": HYPERPARAMS.format(student=student, **settings),
        "README.md": card,
    }
    if budgets is not None:
        texts[BUDGET_FILE] = budgets.to_text()
    modules = {"model": model, "student": student}
    write_inference_folder(
        folder, "SkimmingClassifier", texts, modules, label_encoder
    )


def check_student(student, model):
    """Raise where a student gives other features than a skimming takes.

    Arguments
    ---------
    student : ImgAud2Vid
        What looks at the moments.
    model : Skimmer
        What chooses them.

    Raises
    ------
    ValueError
        If the sizes differ.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> check_student(
    ...     SimpleNamespace(output_size=64), SimpleNamespace(input_size=512)
    ... )
    Traceback (most recent call last):
        ...
    ValueError: the student gives 64 features, the skimming takes 512; was it
    trained with other features?
    """
    if student.output_size != model.input_size:
        raise ValueError(
            f"the student gives {student.output_size} features, the skimming "
            f"takes {model.input_size}; was it trained with other features?"
        )
