"""SkimmingBrain and train_skimmer: train a Skimmer on features of videos, test
it beside its controls, and export it.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
import shlex
import sys

import speechbrain as sb
import torch
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.evaluation.metrics import (
    inside_segments,
    mean_interpolated_average_precision,
    summarize_classification,
)
from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.evaluation.skimming_costs import SkimmingCosts, Viewing
from speechbrain_pib.evaluation.skimming_reports import write_skimming_results
from speechbrain_pib.inference.export_skimming import (
    check_student,
    export_skimming,
)
from speechbrain_pib.lobes.models.controls import fixed_places
from speechbrain_pib.lobes.models.imgaud2vid import load_student
from speechbrain_pib.lobes.models.moment_sampling import (
    SAMPLED,
    mean_of_all,
    moment_features,
    running_mean,
    sample_moments,
)
from speechbrain_pib.lobes.models.skimming_published import PublishedSkimmer
from speechbrain_pib.nnet.losses import share_among_classes
from speechbrain_pib.training.classification import (
    ClassificationBrain,
)
from speechbrain_pib.training.experiment import train_and_test
from speechbrain_pib.training.optimizers import part_groups
from speechbrain_pib.training.skimming_budgets import LooksTest
from speechbrain_pib.utils.printing import show
from speechbrain_pib.utils.skimming_weights import load_fusion, load_skimmer

logger = get_logger(__name__)

SELECTIONS = ("learned", *SAMPLED, "dense")


class SkimmingBrain(ClassificationBrain):
    """Trains and evaluates a Skimmer.

    Batches hold "id", the features [batch, T, size] of each stream under its
    name, with relative lengths, "target" (multi-hot) [batch, classes], and
    where they are known "segment_times" (start and stop in seconds of what is
    annotated) [batch, n, 2] and "path" of the video file.

    Beside what ClassificationBrain expects (without layer_decay), it expects
    in hparams: "loss" (SkimmingLoss), "lr_factors" (see part_groups),
    "attention" (of the Skimmer, in training; its own is that of evaluation),
    "selection" ("learned", or a control to train and to test with: "uniform",
    "random" or "dense"), "skimmer_weights" (of the published code, or None),
    "stream_gmacs" (of the features of a step, by stream), "output_folder" and
    "pictures" (number of test videos to draw).

    Example
    -------
    >>> SkimmingBrain.__mro__[1].__name__
    'ClassificationBrain'
    """

    output = "average"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        selection = self.hparams.selection
        if selection not in SELECTIONS:
            raise ValueError(
                f"selection is {', '.join(SELECTIONS)}, not {selection!r}"
            )
        if self.distributed_launch and selection != "learned":
            raise ValueError(
                f"the control {selection!r} trains in one process; start it "
                "without torchrun"
            )
        self.published = None

    def make_parameter_groups(self):
        """Group the parameters by their part of the model."""
        return part_groups(self.hparams.model, self.hparams.lr_factors)

    def on_evaluate_start(self, max_key=None, min_key=None):
        """As for all trainings; while there is no checkpoint, weights of the
        published code are tested as they are, and in its way as well."""
        if (
            self.hparams.skimmer_weights is None
            or self.checkpointer.list_checkpoints()
        ):
            super().on_evaluate_start(max_key, min_key)
        else:
            published = PublishedSkimmer.like(self.hparams.model)
            self.published = published.to(self.device).eval()

    def compute_forward(self, batch, stage):
        """Skim a batch of videos.

        Arguments
        ---------
        batch : PaddedBatch
            As described for the class.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        logits : dict of torch.Tensor
            "average" and, of a learned selection, "last" [batch, classes].
        output : SkimmingOutput
            None for a control.
        """
        batch = batch.to(self.device, non_blocking=True)
        model, training = self.hparams.model, stage == sb.Stage.TRAIN
        if self.hparams.selection != "learned":
            viewing = Viewing(self.hparams.selection, model.looks)
            steps = self._all_steps(batch)
            logits = self._sample(viewing, batch.id, *steps, training)
            return {"average": logits}, None
        features, lengths = self._features(batch)
        attention = self.hparams.attention if training else model.attention
        output = self.modules.model(features, lengths, attention=attention)
        return {"average": output.logits, "last": output.last_logits}, output

    def _features(self, batch):
        """Get the features of each stream by name, and relative lengths."""
        names = self.hparams.model.streams
        return (
            {name: batch[name].data for name in names},
            batch[names[0]].lengths,
        )

    def _all_steps(self, batch):
        """Count the steps [batch], and fuse the features of all of them."""
        features, lengths = self._features(batch)
        fused = moment_features(self.hparams.model, features)
        return (lengths * fused.shape[1]).round().long(), fused

    def _sample(self, viewing, ids, n_steps, fused, training=False):
        """Compute logits of steps that are selected without looking."""
        classify = self.hparams.model.classifier
        if viewing.selection == "dense":
            return classify(mean_of_all(fused, n_steps))
        selected = self._select(viewing, ids, n_steps, fused, training)
        return classify(running_mean(fused, selected)[:, -1])

    def _select(self, viewing, ids, n_steps, fused, training=False):
        """Select steps [batch, looks] without looking; random ones are fixed
        for each video, but in training."""
        places = None
        if training:
            places = torch.rand(fused.shape[:2], device=self.device)
        elif viewing.selection == "random":
            longest = fused.shape[1]
            names = [f"{video} {n}" for video in ids for n in range(longest)]
            places = fixed_places(names).view(-1, longest).to(self.device)
        return sample_moments(viewing.selection, n_steps, viewing.looks, places)

    def compute_objectives(self, predictions, batch, stage):
        """Sum the losses and, in evaluation, keep the scores.

        Arguments
        ---------
        predictions : tuple
            What `compute_forward` returned.
        batch : PaddedBatch
            The same batch.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        loss : torch.Tensor
        """
        logits, output = predictions
        targets = batch.target.data.float()
        shares, loss = share_among_classes(targets), self.hparams.loss
        if output is None:
            losses = {"loss": loss.of_logits(logits["average"], shares).mean()}
        elif loss.looks_weight:
            n_steps, fused = self._all_steps(batch)
            step_logits = self.hparams.model.classifier(fused)
            losses = loss(output, shares, step_logits, n_steps)
        else:
            losses = loss(output, shares)
        self.statistics.append(losses)
        if stage != sb.Stage.TRAIN:
            if stage == sb.Stage.TEST and output is not None:
                steps = self._all_steps(batch)
                logits |= self._test_controls(batch, steps)
                self._keep_curve(output, batch, steps)
                if self.budgets is not None:
                    self.budgets.append(output, batch, steps[0])
                self._keep_pictures(output, batch)
            self.scores.append(batch.id, targets, _probabilities(logits))
        return losses["loss"]

    def _viewings(self):
        """List how the test looks at videos, by the name of the scores."""
        model, selection = self.hparams.model, self.hparams.selection
        if selection != "learned":
            trained = Viewing(selection, model.looks, remark=", trained so")
            return {"average": trained}
        learned = Viewing("learned", model.looks, model.attention)
        viewings = {
            "average": learned._replace(remark=" and the preview's mean"),
            "last": learned._replace(remark=", the last state's prediction"),
            "dense": Viewing("dense"),
            **{name: Viewing(name, model.looks) for name in SAMPLED},
        }
        if model.attention != "soft":
            viewings["soft"] = viewings["average"]._replace(attention="soft")
        if len(model.streams) > 1:
            for name in model.streams:
                viewings[f"{name}_only"] = learned._replace(stream=name)
        if self.published is not None:
            viewings["published"] = learned._replace(
                attention="soft", remark=", as published"
            )
        return viewings

    def _curve(self):
        """List viewings with more and more looks."""
        looks = self.hparams.model.looks
        learned = Viewing("learned", attention=self.hparams.model.attention)
        return [
            *(learned._replace(looks=n) for n in range(looks + 1)),
            *(Viewing(s, n + 1) for s in SAMPLED for n in range(looks)),
        ]

    def _model_of(self, name):
        """The model that gives an output."""
        return self.published if name == "published" else self.hparams.model

    def _test_controls(self, batch, steps):
        """Compute logits of the same weights that look in other ways."""
        logits = {}
        for name, viewing in self._viewings().items():
            if viewing.selection != "learned":
                logits[name] = self._sample(viewing, batch.id, *steps)
            elif name not in ("average", "last"):
                model = self._model_of(name)
                logits[name] = self._skim_again(model, viewing, batch)
        return logits

    def _skim_again(self, model, viewing, batch):
        """Compute logits with one stream alone, or with other attention."""
        features, lengths = self._features(batch)
        seen = {
            name: stream
            if viewing.stream in (None, name)
            else torch.zeros_like(stream)
            for name, stream in features.items()
        }
        return model(seen, lengths, attention=viewing.attention).logits

    def _keep_curve(self, output, batch, steps):
        """Append what is known after each number of looks, and whether they
        were in annotated segments."""
        model, (n_steps, _) = self.hparams.model, steps
        logits = {
            str(viewing): output.look_logits[:, viewing.looks]
            if viewing.selection == "learned"
            else self._sample(viewing, batch.id, *steps)
            for viewing in self._curve()
        }
        self.curve_scores.append(
            batch.id, batch.target.data, _probabilities(logits)
        )
        table = {"n_steps": n_steps.unsqueeze(1).expand(-1, model.looks)}
        if hasattr(batch, "segment_times"):
            counted, looked_at = output.counted, output.looked_at[..., 0]
            learned = looked_at.masked_fill(~counted, -1)[:, 1:]
            selected = {"learned": learned}
            for name in SAMPLED:
                viewing = Viewing(name, model.looks)
                selected[name] = self._select(viewing, batch.id, *steps)
            times = batch.segment_times.data
            for name, chosen in selected.items():
                table[name] = inside_segments(chosen, times)
        self.looks.append(batch.id, torch.ones_like(table["n_steps"]), table)

    def on_stage_start(self, stage, epoch=None):
        """Prepare the statistics of a stage."""
        super().on_stage_start(stage, epoch)
        self.curve_scores, self.looks = ClipScores(), ClipScores()
        self.pictures = {}
        if stage == sb.Stage.TEST:
            self.budgets = self._solve_budgets()

    @torch.no_grad()
    def _solve_budgets(self):
        """Find on the validation set how sure videos must be to be left; None
        where there is no such set, or no learned and real looks."""
        model = self.hparams.model
        if self.valid_set is None or self.published is not None:
            return None
        if self.hparams.selection != "learned" or model.attention == "soft":
            return None
        test = LooksTest(model, self.hparams.stream_gmacs)
        loader = self.make_dataloader(
            self.valid_set,
            sb.Stage.VALID,
            ckpt_prefix=None,
            **self.hparams.test_dataloader_opts,
        )
        self.modules.eval()
        for batch in itertools.islice(
            loader, self.debug_batches if self.debug else None
        ):
            with self.evaluation_ctx:
                _, output = self.compute_forward(batch, sb.Stage.VALID)
                n_steps, _ = self._all_steps(batch)
            test.append(output, batch, n_steps)
        test.solve()
        return test

    def summarize(self, scores, targets, ids):
        """As for all recipes, and ActivityNet's own mean average precision."""
        precision = mean_interpolated_average_precision(scores, targets)
        summary = summarize_classification(scores, targets)
        return {**summary, "interpolated_mAP": precision}

    def describe_test(self):
        """Describe the curve over the number of looks, and where they were."""
        model = self.hparams.model
        description = {
            "selection": self.hparams.selection,
            "looks": model.looks,
        }
        if self.hparams.selection != "learned":
            return description
        self.curve_scores.gather()
        looks = self.looks.gather().scores
        n_steps = looks.pop("n_steps")[:, 0].astype(int).tolist()
        prices = self.hparams.stream_gmacs
        gmacs = {
            name: SkimmingCosts(self._model_of(name), prices).of(way, n_steps)
            for name, way in self._viewings().items()
        }
        costs = SkimmingCosts(model, prices)
        curve = [
            {
                "selection": viewing.selection,
                "looks": viewing.looks,
                "gmacs": costs.of(viewing, n_steps),
                **self.curve_scores.summarize(str(viewing), self.summarize),
            }
            for viewing in self._curve()
        ]
        inside = {k: v.mean(axis=0).tolist() for k, v in looks.items()}
        if self.budgets is not None:
            self.budgets.gather()
            description["budgets"] = vars(self.budgets.table)
        return {
            **description,
            "attention": model.attention,
            "gmacs": gmacs,
            "curve": curve,
            "inside_segments": inside,
        }

    def write_results(self):
        """Write tables, scores and pictures; show the table."""
        notes = ""
        if self.budgets is not None:
            self.results["budget_curve"], notes = self.budgets.trace(
                self.hparams.output_folder,
                self.best,
                self.summarize,
                self.resample,
            )
        text = write_skimming_results(
            self.hparams.output_folder,
            self.results,
            self.scores,
            self.class_names,
            {name: str(viewing) for name, viewing in self._viewings().items()},
            self.pictures,
            notes,
        )
        show(text)

    def _keep_pictures(self, output, batch):
        """Keep the first videos of the test for drawing."""
        if not hasattr(batch, "path"):
            return
        for index, video in enumerate(batch.id):
            if len(self.pictures) < self.hparams.pictures:
                counted = output.counted[index, 1:]
                segments = []
                if hasattr(batch, "segment_times"):
                    segments = batch.segment_times.data[index].tolist()
                self.pictures[video] = {
                    "path": batch.path[index],
                    "looks": output.looked_at[index, 1:, 0][counted].tolist(),
                    "segments": [s for s in segments if s[1] > s[0]],
                }


def _probabilities(logits):
    """Turn logits of each output into probabilities."""
    return {k: v.float().softmax(dim=-1) for k, v in logits.items()}


def train_skimmer(hparams, run_opts, data):
    """Train and test a Skimmer or a control, and write the inference folder.

    Arguments
    ---------
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    data : RecipeData
        As from load_data.

    Raises
    ------
    ValueError
        If the fusion is frozen and no weights are given.

    Example
    -------
    >>> train_skimmer(hparams, run_opts, data)  # doctest: +SKIP
    """
    _load_start(hparams, run_opts["test_only"])
    control = hparams["selection"] != "learned"
    student = None
    if not (run_opts["test_only"] or run_opts["debug"] or control):
        # Before the training: else what is wrong would be said after it.
        student = _load_student(hparams)
    results = train_and_test(SkimmingBrain, hparams, run_opts, data)
    if student is not None:
        run_on_main(
            _export, args=[hparams, student, data.label_encoder, results]
        )


def _load_student(hparams):
    """What the skimming looks with in the inference folder; None without."""
    if hparams["student_weights"] is None:
        logger.warning("No inference folder without --student_weights")
        return None
    # Which draws nothing that the training would.
    with torch.random.fork_rng(devices=[]):
        student = load_student(hparams["student_weights"])
    check_student(student, hparams["model"])
    return student


def _load_start(hparams, test_only):
    """Load what the skimming starts from; a test has its checkpoint."""
    model, fusion = hparams["model"], hparams.get("fusion_weights")
    if hparams["skimmer_weights"] is not None:
        load_skimmer(model, hparams["skimmer_weights"])
    elif fusion is not None:
        load_fusion(model, fusion)
    elif not test_only and hparams["lr_factors"].get("fusion") == 0:
        raise ValueError(
            "the fusion is frozen and nobody trained it: give "
            "--fusion_weights=/path/to/imgaud2vid.ckpt, or --fusion_lr=1"
        )


def _export(hparams, student, label_encoder, results):
    """Write the inference folder."""
    folder, budgets = hparams["output_folder"], results.get("budgets")
    export_skimming(
        os.path.join(folder, "inference"),
        # The copy in the output folder holds the overrides already.
        os.path.join(folder, "hyperparams.yaml"),
        hparams["model"],
        student,
        label_encoder,
        dataset=hparams["dataset"],
        metrics=results["scores"]["average"],
        command=shlex.join(["python", *sys.argv]),
        budgets=None if budgets is None else BudgetTable(**budgets),
    )
