"""SkimmingBrain: trains and tests a Skimmer on features of videos.

Authors
 * The speechbrain_pib developers 2026
"""

import speechbrain as sb
import torch

from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.evaluation.skimming_costs import SkimmingCosts
from speechbrain_pib.evaluation.skimming_reports import write_skimming_results
from speechbrain_pib.evaluation.video_metrics import summarize_videos
from speechbrain_pib.lobes.models.controls import fixed_places
from speechbrain_pib.lobes.models.moment_sampling import (
    SAMPLINGS,
    mean_of_all,
    moment_features,
    running_mean,
    sample_moments,
)
from speechbrain_pib.training.classification import ClassificationBrain
from speechbrain_pib.training.optimizers import part_groups


class SkimmingBrain(ClassificationBrain):
    """Trains and evaluates a Skimmer.

    Batches hold "id", the features [batch, T, size] of each stream under its
    name, with relative lengths, "target" (multi-hot) [batch, classes], and
    where they are known "segment_times" (start and stop in seconds of what is
    annotated) [batch, n, 2] and "path" of the video file.

    Beside what ClassificationBrain expects (without layer_decay), it expects
    in hparams: "loss" (SkimmingLoss), "lr_factors" (see part_groups),
    "selection" (of the Skimmer, in training; its own is that of evaluation),
    "sampling" ("learned", or a control to train and to test with: "uniform",
    "random" or "dense"), "stream_gmacs" (of the features of a moment, by
    stream), "output_folder" and "pictures" (number of test
    videos to draw).

    Example
    -------
    >>> SkimmingBrain.__mro__[1].__name__
    'ClassificationBrain'
    """

    output = "average"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.distributed_launch and self.hparams.sampling != "learned":
            raise ValueError(
                f"the control {self.hparams.sampling!r} trains in one process; "
                "start it without torchrun"
            )

    def make_parameter_groups(self):
        """Groups of parameters by their part of the model."""
        return part_groups(self.hparams.model, self.hparams.lr_factors)

    def on_evaluate_start(self, max_key=None, min_key=None):
        """As for all trainings; weights of the published code are tested as
        they are while there is no checkpoint."""
        published = self.hparams.skimmer_weights is not None
        if not published or self.checkpointer.list_checkpoints():
            super().on_evaluate_start(max_key, min_key)

    def compute_forward(self, batch, stage):
        """Skims a batch of videos.

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
        features, lengths = self._features(batch)
        if self.hparams.sampling != "learned":
            return {"average": self._control_logits(batch, stage)}, None
        selection = self.hparams.model.selection
        if stage == sb.Stage.TRAIN:
            selection = self.hparams.selection
        output = self.modules.model(features, lengths, selection=selection)
        return {"average": output.logits, "last": output.last_logits}, output

    def _features(self, batch):
        """Features of each stream by name, and relative lengths."""
        names = self.hparams.model.streams
        return (
            {name: batch[name].data for name in names},
            batch[names[0]].lengths,
        )

    def _control_logits(self, batch, stage):
        """Logits of the control that is trained."""
        sampling, model = self.hparams.sampling, self.hparams.model
        steps, fused = self._all_moments(batch)
        if sampling == "dense":
            return model.classifier(mean_of_all(fused, steps))
        places = None
        if stage == sb.Stage.TRAIN:
            places = torch.rand(fused.shape[:2], device=self.device)
        moments = self._sample(sampling, batch, steps, self._count, places)
        return model.classifier(running_mean(fused, moments)[:, -1])

    def _all_moments(self, batch):
        """Number of steps [batch], and fused features of all of them."""
        features, lengths = self._features(batch)
        fused = moment_features(self.hparams.model, features)
        steps = (lengths * fused.shape[1]).round().long()
        return steps, fused

    def _sample(self, sampling, batch, steps, count, places=None):
        """Moments [batch, count] of a control; in evaluation random ones are
        fixed for each video."""
        if sampling == "random" and places is None:
            longest = steps.max().item()
            names = [f"{v} {n}" for v in batch.id for n in range(longest)]
            places = fixed_places(names).view(-1, longest).to(self.device)
        return sample_moments(sampling, steps, count, places)

    @property
    def _count(self):
        """Number of moments that the model looks at."""
        model = self.hparams.model
        return model.glimpses - (model.start == "mean")

    def compute_objectives(self, predictions, batch, stage):
        """Sums the losses and, in evaluation, keeps the scores.

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
        # A video of several classes is shared by them.
        shares = targets / targets.sum(dim=1, keepdim=True)
        if output is None:
            loss = self.hparams.loss.of_logits(logits["average"], shares)
            losses = {"loss": loss.mean()}
        else:
            losses = self.hparams.loss(output, shares)
        self.statistics.append(losses)
        if stage != sb.Stage.TRAIN:
            if stage == sb.Stage.TEST and output is not None:
                self._keep_looks(output, batch)
                logits |= self._test_controls(batch)
                self._keep_pictures(output, batch)
            scores = {k: v.float().softmax(dim=-1) for k, v in logits.items()}
            self.scores.append(batch.id, targets, scores)
        return losses["loss"]

    def _test_controls(self, batch):
        """Logits of the same model with other moments, or one stream."""
        model, (features, lengths) = self.hparams.model, self._features(batch)
        steps, fused = self._all_moments(batch)
        logits = {"dense": model.classifier(mean_of_all(fused, steps))}
        for sampling in SAMPLINGS:
            moments = self._sample(sampling, batch, steps, self._count)
            means = running_mean(fused, moments)
            logits[sampling] = model.classifier(means[:, -1])
        if model.selection != "soft":
            soft = model(features, lengths, selection="soft")
            logits["soft"] = soft.logits
        if len(model.streams) > 1:
            for kept in model.streams:
                alone = {
                    name: x if name == kept else torch.zeros_like(x)
                    for name, x in features.items()
                }
                logits[f"{kept}_only"] = model(alone, lengths).logits
        return logits

    def _keep_looks(self, output, batch):
        """Appends what is known after each number of moments, and whether
        they were in annotated segments."""
        steps, fused = self._all_moments(batch)
        model, first = self.hparams.model, self.hparams.model.start == "mean"
        counted, looked_at = output.counted, output.looked_at[..., 0]
        learned = looked_at.masked_fill(~counted, -1)[:, first:]
        scores, moments = {}, {"learned": learned}
        for number, logits in enumerate(output.glimpse_logits.unbind(1)):
            scores[f"learned {number + 1 - first}"] = logits
        for sampling in SAMPLINGS:
            for count in range(1, self._count + 1):
                chosen = self._sample(sampling, batch, steps, count)
                seen = model.classifier(running_mean(fused, chosen)[:, -1])
                scores[f"{sampling} {count}"] = seen
            moments[sampling] = chosen
        targets = batch.target.data
        scores = {k: v.float().softmax(dim=-1) for k, v in scores.items()}
        self.curve_scores.append(batch.id, targets, scores)
        looks = {"steps": steps.unsqueeze(1).expand(-1, self._count)}
        if hasattr(batch, "segment_times"):
            times = batch.segment_times.data
            for name, chosen in moments.items():
                looks[name] = inside_segments(chosen, times)
        self.looks.append(batch.id, torch.ones_like(looks["steps"]), looks)

    def on_stage_start(self, stage, epoch=None):
        """Prepares the statistics of a stage."""
        super().on_stage_start(stage, epoch)
        self.curve_scores, self.looks = ClipScores(), ClipScores()
        self.pictures = {}

    def summarize(self, scores, targets, ids):
        """As for all recipes, and ActivityNet's own mean average precision."""
        return summarize_videos(scores, targets, ids)

    def describe_test(self):
        """The curve over the number of moments, and where they were."""
        model = self.hparams.model
        description = {
            "sampling": self.hparams.sampling,
            "moments": self._count,
        }
        if self.hparams.sampling != "learned":
            return description
        description["selection"] = model.selection
        self.curve_scores.gather()
        looks = self.looks.gather().scores
        costs = SkimmingCosts(model, self.hparams.stream_gmacs)
        steps = looks.pop("steps")[:, 0].astype(int).tolist()
        description["gmacs"] = costs.of_outputs(steps, self._count)
        description["curve"] = []
        for name in self.curve_scores.scores:
            sampling, count = name.split()
            metrics = self.curve_scores.summarize(name, self.summarize)
            description["curve"].append(
                {
                    "sampling": sampling,
                    "moments": int(count),
                    "gmacs": costs.of_moments(sampling, steps, int(count)),
                    **metrics,
                }
            )
        description["inside_segments"] = {
            name: inside.mean(axis=0).tolist() for name, inside in looks.items()
        }
        return description

    def write_results(self):
        """Writes tables, scores and pictures; shows the table."""
        text = write_skimming_results(
            self.hparams.output_folder,
            self.results,
            self.scores,
            self.class_names,
            self.pictures,
        )
        print(text)

    def _keep_pictures(self, output, batch):
        """Keeps the first videos of the test for drawing."""
        if not hasattr(batch, "path"):
            return
        first = self.hparams.model.start == "mean"
        for index, video in enumerate(batch.id):
            if len(self.pictures) < self.hparams.pictures:
                counted = output.counted[index, first:].cpu()
                segments = []
                if hasattr(batch, "segment_times"):
                    segments = batch.segment_times.data[index].tolist()
                self.pictures[video] = {
                    "path": batch.path[index],
                    "moments": output.looked_at[index, first:, 0]
                    .cpu()[counted]
                    .tolist(),
                    "segments": [s for s in segments if s[1] > s[0]],
                }


def inside_segments(moments, segments):
    """Whether the frame of a moment is inside an annotated segment.

    Arguments
    ---------
    moments : torch.Tensor
        In seconds [batch, count].
    segments : torch.Tensor
        Start and stop in seconds [batch, n, 2].

    Returns
    -------
    inside : torch.Tensor
        1 or 0 [batch, count].

    Example
    -------
    >>> segments = torch.tensor([[[1.4, 2.8], [5.0, 6.0]]])
    >>> inside_segments(torch.tensor([[1, 2, 5, 6]]), segments)
    tensor([[0., 1., 1., 0.]])
    """
    moments = moments.unsqueeze(-1)
    start, stop = segments.unsqueeze(1).unbind(-1)
    return ((moments >= start) & (moments < stop)).any(dim=-1).float()
