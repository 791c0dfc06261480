"""PlayItBackBrain: how recipes train, test and export Play It Back.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
import shlex
import sys

import numpy as np
import speechbrain as sb
import torch
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.evaluation.metrics import segment_overlap
from speechbrain_pib.evaluation.reports import (
    describe_outputs,
    write_results,
)
from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.inference.export import export_inference
from speechbrain_pib.lobes.models.controls import (
    check_controls,
    control_frames,
    fixed_places,
)
from speechbrain_pib.lobes.models.replay import mask_to_segments
from speechbrain_pib.training.budget_tests import BudgetTest
from speechbrain_pib.training.classification import ClassificationBrain
from speechbrain_pib.training.evidence_tests import EvidenceTest
from speechbrain_pib.training.experiment import end_processes, train_and_test
from speechbrain_pib.training.starts import (
    check_budget,
    is_control,
    start_backbones,
)
from speechbrain_pib.utils.printing import show

logger = get_logger(__name__)


class PlayItBackBrain(ClassificationBrain):
    """Train and evaluate a PlayItBack model.

    Batches hold "id", "wavs" [batch, views, samples], "lengths" (relative)
    [batch, views], "target" (one-hot or multi-hot) [batch, classes] and
    "readable" (False for a clip that could not be read: it is left out of the
    scores); "event" (start and stop in seconds) [batch, 2] where the truth is
    known and a clip is heard in one view.

    Beside what ClassificationBrain expects, it expects in modules: "augment"
    (waveforms to waveforms) and "mixing" (waveforms and targets); in hparams:
    "loss" (PlayItBackLoss), "selection" ("learned", or a control to train and
    test with), "random_seconds" (width of its random segments), "controls"
    (selections that take the place of the learned one in the test), "budget"
    (mean cost at which the test also listens until sure; None for no such),
    "output_folder" and "pictures" (number of test clips to draw).

    With a validation set a test finds on it how sure clips must be to be left
    after a pass, for every budget, and traces accuracy over cost.

    Example
    -------
    >>> PlayItBackBrain.__mro__[1].__name__
    'ClassificationBrain'
    """

    def compute_forward(self, batch, stage):
        """Listen to a batch, every view as a clip of its own.

        Arguments
        ---------
        batch : PaddedBatch
            As described for the class.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        output : PlayItBackOutput
            Of [batch * views] clips.
        targets : torch.Tensor
            Their targets, soft after mixing [batch * views, classes].
        """
        batch = batch.to(self.device, non_blocking=True)
        wavs, lengths, targets = self._flatten_views(batch)
        masks = None
        if self._replays_a_control():
            widths = torch.full_like(
                wavs[:, 0], self.hparams.random_seconds / self._hop_seconds
            ).round()
            masks = self._select(
                self.hparams.selection, batch, stage, lengths, widths
            )
        if stage == sb.Stage.TRAIN:
            wavs = self.modules.augment(wavs)
            wavs, targets = self.modules.mixing(wavs, targets)
            # Rolling and mixing move the padding, which is silence anyway.
            lengths = None
        return self._listen(wavs, lengths, masks, stage), targets

    def _listen(self, wavs, lengths, masks, stage):
        """Call the model; in evaluation always with as many clips, so that a
        compiled one is not compiled again for the last batch."""
        count = len(wavs)
        self.largest = max(self.largest, count)
        if stage == sb.Stage.TRAIN or count == self.largest:
            return self.modules.model(wavs, lengths, masks)
        silence = self.largest - count
        wavs, lengths, masks = (
            values
            if values is None
            else torch.cat(
                [values, values.new_zeros(silence, *values.shape[1:])]
            )
            for values in (wavs, lengths, masks)
        )
        output = self.modules.model(wavs, lengths, masks)
        return output.of_clips(slice(count))

    def _replays_a_control(self):
        """Tell whether the replays follow a control."""
        return is_control(vars(self.hparams))

    def _replays(self):
        """Tell whether there are replays."""
        return self.hparams.model.replays > 0

    @property
    def _controls(self):
        """What takes the place of the learned selection in the test."""
        if not self._replays() or self._replays_a_control():
            return []
        return self.hparams.controls

    def _flatten_views(self, batch):
        """Take waveforms, relative lengths and targets of all views."""
        wavs = batch.wavs.data
        targets = batch.target.data.float()
        return (
            wavs.flatten(0, 1),
            batch.lengths.data.flatten(),
            targets.repeat_interleave(wavs.shape[1], dim=0),
        )

    def compute_objectives(self, predictions, batch, stage):
        """Compute the loss and, in evaluation, keep the scores.

        Arguments
        ---------
        predictions : tuple
            What compute_forward returned.
        batch : PaddedBatch
            The same batch.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        loss : torch.Tensor
        """
        output, targets = predictions
        losses = self.hparams.loss(output, targets)
        unreadable = (~batch.readable.data).sum()
        self.statistics.append({**losses, "unreadable": unreadable})
        if stage != sb.Stage.TRAIN:
            self._keep_scores(output, batch, stage)
        return losses["loss"]

    def _keep_scores(self, output, batch, stage):
        """Append the scores of a batch, averaged over the views."""
        logits = {}
        if stage == sb.Stage.TEST and self._replays():
            for index, of_pass in enumerate(output.pass_logits.unbind(1)):
                logits[f"pass_{index}"] = of_pass
        logits["fused"] = output.logits
        if stage == sb.Stage.TEST:
            if self.budgets is not None:
                logits.update(self._listen_until_sure(output, batch))
            logits.update(self._control_logits(output, batch, stage))
            if hasattr(batch, "event") and not self._replays_a_control():
                self._keep_overlap(output, batch)
            self._keep_pictures(output, batch)
        views = batch.wavs.data.shape[1]
        scores = {
            name: self.hparams.loss.probabilities(values)
            .unflatten(0, (-1, views))
            .mean(dim=1)
            for name, values in logits.items()
        }
        self.scores.append(
            batch.id,
            batch.target.data,
            scores,
            batch.readable.data.squeeze(1),
        )

    def _keep_overlap(self, output, batch):
        """Append how well each pass found the true event."""
        if output.masks is None:
            return
        masks = self._replayed(output.masks)
        overlaps = [
            segment_overlap(mask, batch.event.data, self._hop_seconds)
            for mask in masks.unbind(1)
        ]
        shares = masks.float().mean(dim=2)
        table = torch.cat([torch.stack(overlaps, dim=1), shares], dim=1)
        self.overlaps.append(
            batch.id,
            torch.ones_like(table),
            {"overlap": table},
            batch.readable.data.squeeze(1),
        )

    def _replayed(self, masks):
        """Leave out the last pass, whose selection nothing replays, nor is it
        trained; but keep that of a single one [batch, passes, T]."""
        return masks[:, : max(self.hparams.model.replays, 1)]

    def _control_logits(self, output, batch, stage):
        """Compute the fused logits when the same model replays a control."""
        wavs, lengths, _ = self._flatten_views(batch)
        logits = {}
        for control in self._controls:
            if control == "event" and not hasattr(batch, "event"):
                continue
            widths = output.masks[:, 0].sum(dim=1)
            log_mel = output.log_mel[0]
            masks = self._select(
                control, batch, stage, lengths, widths, log_mel
            )
            heard = self._listen(wavs, lengths, masks, stage)
            logits[f"fused_{control}"] = heard.logits
        return logits

    def _listen_until_sure(self, output, batch):
        """Keep what was heard after each pass; and listen until sure, where
        there is a budget."""
        self.budgets.append(output, batch)
        if self.hparams.budget is None:
            return {}
        wavs, lengths, _ = self._flatten_views(batch)
        listen = self.budgets.listen(self.hparams.budget)
        return {"until_sure": listen(wavs, lengths).logits}

    def _select(self, control, batch, stage, lengths, widths, log_mel=None):
        """Make the masks of a control [batch * views, replays, T]."""
        model = self.hparams.model
        if stage == sb.Stage.TRAIN:
            # What was padding is sound after rolling and mixing.
            lengths = torch.ones_like(lengths)
        mask = control_frames(
            control,
            widths,
            model.fbank.n_frames,
            hop_seconds=self._hop_seconds,
            lengths=lengths,
            places=self._random_places(batch, stage),
            log_mel=log_mel,
            events=batch.event.data if hasattr(batch, "event") else None,
        )
        return mask.unsqueeze(1).expand(-1, model.replays, -1)

    @property
    def _hop_seconds(self):
        fbank = self.hparams.model.fbank
        return fbank.hop_length / fbank.sample_rate

    def _random_places(self, batch, stage):
        """Draw from [0, 1): afresh in training, else fixed for each clip."""
        views = batch.wavs.data.shape[1]
        if stage == sb.Stage.TRAIN:
            return torch.rand(len(batch.id) * views, device=self.device)
        names = [f"{clip} {view}" for clip in batch.id for view in range(views)]
        return fixed_places(names).to(self.device)

    def on_stage_start(self, stage, epoch=None):
        """Prepare the statistics of a stage."""
        super().on_stage_start(stage, epoch)
        self.overlaps, self.pictures = ClipScores(), {}
        self.largest = 0
        if stage == sb.Stage.TEST:
            self.budgets, self.event_threshold = self._learn_thresholds()

    @torch.no_grad()
    def _learn_thresholds(self):
        """Find on the validation set how sure clips must be to be left (None
        without replays), and what evidence makes an event; None where there
        is no such set, or a control is replayed."""
        if self.valid_set is None or self._replays_a_control():
            return None, None
        parts = self.hparams.model, self.hparams.loss
        evidence = EvidenceTest(*parts)
        budgets = BudgetTest(*parts) if self._replays() else None
        loader = self.make_dataloader(
            self.valid_set,
            sb.Stage.VALID,
            ckpt_prefix=None,
            **self.hparams.test_dataloader_opts,
        )
        limit = self.debug_batches if self.debug else None
        self.modules.eval()
        for batch in itertools.islice(loader, limit):
            with self.evaluation_ctx:
                output, _ = self.compute_forward(batch, sb.Stage.VALID)
            evidence.append(output, batch)
            if budgets is not None:
                budgets.append(output, batch)
        if budgets is not None:
            budgets.solve()
        return budgets, evidence.solve()

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Time the budgets of a test, with the weights that were tested."""
        if stage == sb.Stage.TEST and self.budgets is not None:
            with self.evaluation_ctx:
                self.budgets.measure()
        super().on_stage_end(stage, stage_loss, epoch)

    def describe_test(self):
        """Tell what was replayed, and how well it fits the true events."""
        description = {"replays": self.hparams.model.replays}
        if self._replays():
            description["selection"] = self.hparams.selection
        if self.overlaps.parts:
            description["overlap"] = self._summarize_overlaps()
        if self.budgets is not None:
            description["budgets"] = vars(self.budgets.table)
        if self.event_threshold is not None:
            description["event_threshold"] = self.event_threshold
        return description

    def _summarize_overlaps(self):
        """Average overlap with the true event and share selected, per pass."""
        table = self.overlaps.gather().scores["overlap"].mean(axis=0)
        overlap, share = np.split(table, 2)
        return {
            f"pass_{index}": {
                "intersection_over_union": float(overlap[index]),
                "share_selected": float(share[index]),
            }
            for index in range(len(overlap))
        }

    def write_results(self):
        """Write tables, scores and pictures; show the table."""
        notes = ""
        # Lists for a challenge have no labels, and no metrics.
        if self.budgets is not None and self.results["scores"][self.output]:
            self.results["curve"], notes = self.budgets.trace(
                self.hparams.output_folder,
                self.best,
                self.summarize,
                self.resample,
            )
        descriptions = describe_outputs(
            self.hparams.model.replays,
            self._controls,
            self.results.get("selection", "learned"),
        )
        descriptions["until_sure"] = "the selection, until sure"
        text = write_results(
            self.hparams.output_folder,
            self.results,
            self.scores,
            self.class_names,
            descriptions,
            self.pictures,
            notes,
        )
        show(text)

    def _keep_pictures(self, output, batch):
        """Keep the first clips of the test that can be read for drawing."""
        views = batch.wavs.data.shape[1]
        for index, clip in enumerate(batch.id):
            wanted = len(self.pictures) < self.hparams.pictures
            if wanted and batch.readable.data[index]:
                event = None
                if hasattr(batch, "event"):
                    event = tuple(batch.event.data[index].tolist())
                row = index * views
                masks = []
                if output.masks is not None:
                    masks = self._replayed(output.masks)[row]
                self.pictures[clip] = {
                    "log_mels": [
                        log_mel[row].float().cpu() for log_mel in output.log_mel
                    ],
                    "times": [
                        centres[row].cpu() / output.sample_rate
                        for centres in output.centres
                    ],
                    "segments": [
                        mask_to_segments(mask, self._hop_seconds)
                        for mask in masks
                    ],
                    "event": event,
                }


def run_experiment(brain_class, hparams, run_opts, data):
    """Train and test Play It Back, and write the inference folder.

    Arguments
    ---------
    brain_class : type
        PlayItBackBrain or a subclass of it.
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    data : RecipeData
        As from load_data.

    Example
    -------
    >>> run_experiment(
    ...     PlayItBackBrain, hparams, run_opts, data
    ... )  # doctest: +SKIP
    """
    # Else they would be missed after the training.
    check_controls(hparams.get("controls", []))
    if hparams.get("budget") is not None:
        check_budget(hparams, data)
    if not run_opts["test_only"]:
        start_backbones(hparams)
    results = train_and_test(brain_class, hparams, run_opts, data)
    if not (run_opts["test_only"] or run_opts["debug"]):
        run_on_main(_export, args=[hparams, data.label_encoder, results])
    end_processes()


def _export(hparams, label_encoder, results):
    """Write the inference folder, but not of a control."""
    if is_control(hparams):
        logger.warning(
            "No inference folder: it would replay what the model selects, "
            "which was not learned with selection=%s",
            hparams["selection"],
        )
        return
    folder, model = hparams["output_folder"], hparams["model"]
    budgets = results.get("budgets")
    export_inference(
        os.path.join(folder, "inference"),
        # The copy in the output folder holds the overrides already.
        os.path.join(folder, "hyperparams.yaml"),
        {},
        model,
        label_encoder,
        title=f"Play It Back X{model.replays} on {hparams['dataset']}",
        dataset=hparams["dataset"],
        metrics=results["scores"]["fused"],
        command=shlex.join(["python", *sys.argv]),
        multi_label=hparams["loss"].multi_label,
        tasks=hparams["loss"].tasks,
        budgets=None if budgets is None else BudgetTable(**budgets),
        event_threshold=results.get("event_threshold"),
    )
