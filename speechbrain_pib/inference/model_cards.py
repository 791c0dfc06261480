"""Model cards: what an inference folder says of itself, to people and to the
Hugging Face Hub.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import re
from pathlib import Path

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

TEMPLATES = Path(__file__).parent / "templates"
# Title of a metric, and its type on the Hub, if that knows it.
METRICS = {
    "top1": ("Top-1 accuracy", "accuracy"),
    "top5": ("Top-5 accuracy", "accuracy"),
    "mAP": ("Mean average precision", "mean_average_precision"),
    "interpolated_mAP": (
        "Mean average precision, interpolated",
        "mean_average_precision",
    ),
    "AUC": ("Area under the ROC curve", "roc_auc"),
    "d_prime": ("d-prime", None),
    "classes_with_positives": ("Classes with test examples", None),
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~&])")


def write_card(
    template, *, title, dataset, metrics, command, task, license_id, **fields
):
    """Fill in a model card.

    Arguments
    ---------
    template : str
        Name of a file in the folder "templates".
    title : str
        Title of the card.
    dataset : str
        Name of the data.
    metrics : dict
        Name to value, as measured.
    command : str
        The command of the training.
    task : str
        What the model does, an identifier of the Hub.
    license_id : str
        License of the weights, an identifier of the Hub.
    **fields : dict
        What else the template shows.

    Returns
    -------
    card : str
        Markdown below a header in YAML.

    Example
    -------
    >>> text = write_card(
    ...     "skimming.md",
    ...     title="A <title>",
    ...     dataset="Pets",
    ...     metrics={"top1": 0.9},
    ...     command="python train.py",
    ...     task="video-classification",
    ...     license_id="apache-2.0",
    ... )
    >>> ModelCard(text).data.eval_results[0].metric_name
    'Top-1 accuracy'
    """
    title, dataset = _one_line(title), _one_line(dataset)
    data = ModelCardData(
        license=license_id,
        library_name="speechbrain",
        pipeline_tag=task,
        tags=["speechbrain", task, "Sound"],
        datasets=[_identifier(dataset)],
        model_name=title,
        **_evaluations(dataset, metrics, task),
    )
    card = ModelCard.from_template(
        data,
        template_path=TEMPLATES / template,
        title=escape_markdown(title),
        dataset=escape_markdown(dataset),
        results=_results_table(metrics),
        command=_code_block(command),
        **fields,
    )
    return f"{card}\n"


def name_metric(key):
    """Name a metric for people and for the Hub.

    Arguments
    ---------
    key : str
        As in results.json: a key of METRICS, or one after the name of a part
        of the test, such as "unseen_verb_top1".

    Returns
    -------
    title : str
    kind : str
        Its type on the Hub, None for what that does not know.

    Example
    -------
    >>> name_metric("unseen_verb_top1")
    ('Top-1 accuracy (unseen verb)', 'accuracy')
    """
    if key in METRICS:
        return METRICS[key]
    part, _, measure = _one_line(key).rpartition("_")
    if measure not in METRICS:
        return _one_line(key), None
    title, kind = METRICS[measure]
    return f"{title} ({part.replace('_', ' ')})", kind


def read_license(path):
    """Read from a model card what the license of its weights is.

    Arguments
    ---------
    path : str
        The card.

    Returns
    -------
    license : str
        An identifier of the Hub; empty if there is no card, or it does not
        say.

    Example
    -------
    >>> read_license("no/such/README.md")
    ''
    """
    try:
        data = ModelCard.load(path).data
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    license_id = data.get("license")
    return license_id if isinstance(license_id, str) else ""


def escape_markdown(text):
    """Escape what Markdown, tables in it, HTML or TeX would act on.

    Arguments
    ---------
    text : str
        Plain text of one line.

    Returns
    -------
    text : str

    Example
    -------
    >>> print(escape_markdown("a|b <c> $5"))
    a\\|b \\<c\\> \\$5
    """
    return MARKDOWN.sub(r"\\\1", text)


def _one_line(text):
    """The text without line breaks."""
    return " ".join(text.split())


def _identifier(dataset):
    """The name of a data set in the characters of those on the Hub."""
    return re.sub(r"[^\w.-]+", "-", dataset, flags=re.ASCII).strip("-.")


def _evaluations(dataset, metrics, task):
    """What the header says of the results."""
    results = [
        EvalResult(
            task_type=task,
            dataset_type=_identifier(dataset),
            dataset_name=dataset,
            dataset_split="test",
            metric_type=kind,
            metric_name=title,
            metric_value=round(value, 4),
        )
        for (title, kind), value in _named(metrics)
        if kind is not None and math.isfinite(value)
    ]
    kinds = list(dict.fromkeys(result.metric_type for result in results))
    return {"metrics": kinds, "eval_results": results}


def _results_table(metrics):
    """The results as a table in Markdown."""
    rows = [
        f"| {escape_markdown(title)} | {value:.4g} |"
        for (title, _), value in _named(metrics)
    ]
    return "\n".join(["| metric | value |", "|---|---|", *rows])


def _named(metrics):
    """Pairs of a metric's names and its value."""
    return [(name_metric(key), value) for key, value in metrics.items()]


def _code_block(command):
    """A command as a block, whose fence it cannot end."""
    longest = max(map(len, re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}bash\n{command}\n{fence}"
