"""PlayItBackBrain: the training and evaluation that all recipes share.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import speechbrain as sb
import torch
from speechbrain.dataio.dataloader import distributed_loader_specifics
from speechbrain.dataio.sampler import ReproducibleRandomSampler
from speechbrain.utils.distributed import ddp_all_reduce, run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.manifest import hash_ids
from speechbrain_pib.lobes.models.controls import control_frames, fixed_places
from speechbrain_pib.lobes.models.replay import mask_to_segments
from speechbrain_pib.utils.averaging import MovingAverage
from speechbrain_pib.utils.checkpoints import put_interrupted_aside
from speechbrain_pib.utils.metrics import (
    ClipScores,
    segment_overlap,
    summarize_classification,
)
from speechbrain_pib.utils.optimizers import parameter_groups
from speechbrain_pib.utils.reports import write_results

logger = get_logger(__name__)


class PlayItBackBrain(sb.Brain):
    """Trains and evaluates a PlayItBack model.

    Batches hold "id", "wavs" [batch, views, samples], "lengths" (relative)
    [batch, views], "target" (one-hot or multi-hot) [batch, classes] and
    "readable" (False for a clip that could not be read: it is left out of the
    scores); "event" (start and stop in seconds) [batch, 2] where the truth is
    known and a clip is heard in one view.

    It expects in modules: "model" (PlayItBack), "augment" (waveforms to
    waveforms) and "mixing" (waveforms and targets); in hparams: "loss"
    (PlayItBackLoss), "schedule" (WarmupCosine in epochs), "layer_decay" (see
    parameter_groups), "ema_decay" (of the moving average of the weights, with
    which it evaluates; None for the weights themselves), "selection"
    ("learned", or a control to train and test with), "random_seconds" (width
    of its random segments), "controls" (selections that take the place of the
    learned one in the test), "seed", "train_logger", "label_encoder",
    "coverage" (see report_coverage), "output_folder" and "pictures" (number
    of test clips to draw).

    A recipe of another kind of data set changes `best`, `make_train_sampler`,
    `summarize` and `write_results`.

    Example
    -------
    >>> PlayItBackBrain.__mro__[1].__name__
    'Brain'
    """

    # The metric of the validation by which a checkpoint is chosen.
    best = "top1"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.average = None
        if self.hparams.ema_decay is not None:
            self.average = MovingAverage(
                self.hparams.model, self.hparams.ema_decay
            )
            if self.checkpointer is not None:
                self.checkpointer.add_recoverable("average", self.average)

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """As Brain.fit; without a validation set the last epoch is kept."""
        self.has_validation = valid_set is not None
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def make_dataloader(self, dataset, stage, **loader_kwargs):
        """As Brain.make_dataloader, with an order that follows the seed in
        training and, in evaluation, a share of the clips for each rank."""
        loader_kwargs["pin_memory"] = "cuda" in str(self.device)
        if stage == sb.Stage.TRAIN:
            # Brain tells this sampler the epoch, and wraps it under DDP.
            self.train_sampler = self.make_train_sampler(dataset)
            loader_kwargs["sampler"] = self.train_sampler
            # Drawing from a generator of its own leaves the default one as a
            # checkpoint restored it.
            self.worker_seeds = torch.Generator()
            loader_kwargs["generator"] = self.worker_seeds
        elif self.distributed_launch:
            loader_kwargs = distributed_loader_specifics(
                True, self.rank, dataset, loader_kwargs
            )
        loader = super().make_dataloader(dataset, stage, **loader_kwargs)
        if stage == sb.Stage.TRAIN:
            if len(loader) == 0:
                raise ValueError(
                    f"{len(dataset)} training clips do not fill one batch "
                    f"of {loader_kwargs['batch_size']} on each process; "
                    "lower batch_size"
                )
            accumulated = len(loader) // self.grad_accumulation_factor
            self.steps_per_epoch = max(accumulated, 1)
        return loader

    def make_train_sampler(self, dataset):
        """The order of the training clips; another one in every epoch.

        Arguments
        ---------
        dataset : speechbrain_pib.dataio.table.ManifestDataset
            The training clips.

        Returns
        -------
        sampler : torch.utils.data.Sampler
            With `set_epoch`.
        """
        return ReproducibleRandomSampler(dataset, seed=1000 * self.hparams.seed)

    def init_optimizers(self):
        """One optimizer, and its schedule per step."""
        self.optimizer = self.opt_class(
            parameter_groups(self.hparams.model, self.hparams.layer_decay)
        )
        self.optimizers_dict = {"opt_class": self.optimizer}
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: self.hparams.schedule(step / self.steps_per_epoch),
        )
        if self.checkpointer is not None:
            self.checkpointer.add_recoverable("optimizer", self.optimizer)
            self.checkpointer.add_recoverable("scheduler", self.scheduler)

    def optimizers_step(self):
        """Clips the gradients of all groups together (Brain: of the first)."""
        self.scaler.unscale_(self.optimizer)
        if self.max_grad_norm > 0:
            torch.nn.utils.clip_grad_norm_(
                self.modules.model.parameters(), self.max_grad_norm
            )
        if self.skip_nonfinite_grads and not self.scaler.is_enabled():
            self.check_gradients()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1
        if self.average is not None:
            self.average.update_parameters(self.hparams.model)

    def on_fit_batch_end(self, batch, outputs, loss, should_step):
        """Advances the learning rate."""
        if should_step:
            self.scheduler.step()

    def on_fit_start(self):
        """As Brain.on_fit_start, putting half-written checkpoints aside."""
        self._compile()
        self._wrap_distributed()
        self.init_optimizers()
        if self.distributed_launch:
            # Other masks, noise and mixtures on every process.
            torch.manual_seed(self.hparams.seed + self.rank)
        if self.checkpointer is not None:
            run_on_main(put_interrupted_aside, args=[self.checkpointer])
            self.checkpointer.recover_if_possible()

    def on_evaluate_start(self, max_key=None, min_key=None):
        """Loads the checkpoint to evaluate; there has to be one."""
        if self.checkpointer is None:
            return
        run_on_main(put_interrupted_aside, args=[self.checkpointer])
        found = self.checkpointer.recover_if_possible(
            max_key=max_key, min_key=min_key
        )
        if found is None:
            raise FileNotFoundError(
                "there is no checkpoint to evaluate in "
                f"{self.checkpointer.checkpoints_dir}; train first"
            )

    def compute_forward(self, batch, stage):
        """Listens to a batch, every view as a clip of its own.

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
        # While it is on the host; asking the device would wait for it.
        self.readable = batch.readable.data.flatten().tolist()
        batch = batch.to(self.device)
        wavs, lengths, targets = self._flatten_views(batch)
        masks = None
        if self._replays_a_control():
            widths = torch.full_like(
                wavs[:, 0], self.hparams.random_seconds / self._hop_seconds
            ).round()
            masks = self._select(self.hparams.selection, batch, stage, widths)
        if stage == sb.Stage.TRAIN:
            wavs = self.modules.augment(wavs)
            wavs, targets = self.modules.mixing(wavs, targets)
            # Rolling and mixing move the padding, which is silence anyway.
            lengths = None
        return self.modules.model(wavs, lengths, masks), targets

    def _replays_a_control(self):
        """Whether the replays follow a control."""
        return self._replays() and self.hparams.selection != "learned"

    def _replays(self):
        """Whether there are replays."""
        return self.hparams.model.replays > 0

    def _flatten_views(self, batch):
        """Waveforms, relative lengths and targets of all views."""
        wavs = batch.wavs.data
        targets = batch.target.data.float()
        return (
            wavs.flatten(0, 1),
            batch.lengths.data.flatten(),
            targets.repeat_interleave(wavs.shape[1], dim=0),
        )

    def compute_objectives(self, predictions, batch, stage):
        """Computes the loss and, in evaluation, keeps the scores.

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
        self.loss_terms.append({k: v.detach() for k, v in losses.items()})
        self.unreadable += self.readable.count(False)
        if stage != sb.Stage.TRAIN:
            self._keep_scores(output, batch, stage)
        return losses["loss"]

    def _keep_scores(self, output, batch, stage):
        """Appends the scores of a batch, averaged over the views."""
        logits = {}
        if stage == sb.Stage.TEST and self._replays():
            for index, of_pass in enumerate(output.pass_logits.unbind(1)):
                logits[f"pass_{index}"] = of_pass
        logits["fused"] = output.logits
        if stage == sb.Stage.TEST:
            if self._replays() and not self._replays_a_control():
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
        self.scores.append(batch.id, batch.target.data, scores, self.readable)

    def _keep_overlap(self, output, batch):
        """Appends how well each pass found the true event."""
        if output.masks is None:
            return
        overlaps = [
            segment_overlap(mask, batch.event.data, self._hop_seconds)
            for mask in output.masks.unbind(1)
        ]
        shares = output.masks.float().mean(dim=2)
        table = torch.cat([torch.stack(overlaps, dim=1), shares], dim=1)
        self.overlaps.append(
            batch.id, torch.ones_like(table), {"overlap": table}
        )

    def _control_logits(self, output, batch, stage):
        """Fused logits of the same model when it replays a control."""
        wavs, lengths, _ = self._flatten_views(batch)
        widths = output.masks[:, 0].sum(dim=1)
        logits = {}
        for control in self.hparams.controls:
            if control == "event" and not hasattr(batch, "event"):
                continue
            masks = self._select(control, batch, stage, widths, output.log_mel)
            heard = self.modules.model(wavs, lengths, masks)
            logits[f"fused_{control}"] = heard.logits
        return logits

    def _select(self, control, batch, stage, widths, log_mel=None):
        """Masks of a control [batch * views, replays, T]."""
        model = self.hparams.model
        mask = control_frames(
            control,
            widths,
            model.fbank.n_frames,
            hop_seconds=self._hop_seconds,
            places=self._random_places(batch, stage),
            log_mel=None if log_mel is None else log_mel[:, 0],
            events=batch.event.data if hasattr(batch, "event") else None,
        )
        return mask.unsqueeze(1).expand(-1, model.replays, -1)

    @property
    def _hop_seconds(self):
        fbank = self.hparams.model.fbank
        return fbank.hop_length / fbank.sample_rate

    def _random_places(self, batch, stage):
        """Uniform in [0, 1): fresh in training, else fixed for each clip."""
        views = batch.wavs.data.shape[1]
        if stage == sb.Stage.TRAIN:
            return torch.rand(len(batch.id) * views, device=self.device)
        names = [f"{clip} {view}" for clip in batch.id for view in range(views)]
        return fixed_places(names).to(self.device)

    def on_stage_start(self, stage, epoch=None):
        """Prepares the statistics of a stage."""
        self.loss_terms, self.unreadable = [], 0
        if stage == sb.Stage.TRAIN:
            self.worker_seeds.manual_seed(1000 * self.hparams.seed + epoch)
        else:
            self.scores, self.overlaps = ClipScores(), ClipScores()
            if self.average is not None:
                self.average.exchange(self.hparams.model)
        self.pictures = {}

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, and saves the checkpoint of an epoch."""
        losses = self._mean_losses()
        if stage == sb.Stage.TRAIN:
            self.train_losses = {**losses, **self._count_unreadable()}
            if not self.has_validation:
                self._log_epoch(epoch, {})
                self._save_checkpoint({"epoch": epoch})
            return
        self.scores.gather()
        if stage == sb.Stage.VALID:
            if self.average is not None:
                self.average.exchange(self.hparams.model)
            metrics = self.scores.summarize("fused", self.summarize)
            self._log_epoch(epoch, {**losses, **metrics})
            self._save_checkpoint(
                {"epoch": epoch, self.best: metrics[self.best]},
                max_keys=[self.best],
            )
        else:
            self.on_test_end(losses)

    def _save_checkpoint(self, meta, max_keys=()):
        """Keeps the latest checkpoint and the best one by each key."""
        if self.checkpointer is not None:
            self.checkpointer.save_and_keep_only(
                meta=meta, num_to_keep=1, max_keys=list(max_keys)
            )

    def _log_epoch(self, epoch, valid_stats):
        """Writes a line of the training log."""
        self.hparams.train_logger.log_stats(
            stats_meta={
                "epoch": epoch,
                "lr": self.optimizer.param_groups[-1]["lr"],
            },
            train_stats=self.train_losses,
            valid_stats=valid_stats or None,
        )

    def on_test_end(self, losses):
        """Logs the test, and writes its results into the output folder.

        Arguments
        ---------
        losses : dict
            Mean of each loss.
        """
        self.results = {
            "seed": self.hparams.seed,
            "epoch": self.hparams.epoch_counter.current,
            "replays": self.hparams.model.replays,
            "clips": len(self.scores.ids),
            "unreadable": self.scores.unreadable,
            "id_sha256": hash_ids(self.scores.ids),
            "coverage": self.hparams.coverage,
            "losses": losses,
            "scores": {
                name: self.scores.summarize(name, self.summarize)
                for name in self.scores.scores
            },
        }
        if self._replays():
            self.results["selection"] = self.hparams.selection
        if self.overlaps.parts:
            self.results["overlap"] = self._summarize_overlaps()
        self.hparams.train_logger.log_stats(
            stats_meta={"epoch": self.results["epoch"]},
            test_stats={**losses, **self.results["scores"]["fused"]},
        )
        run_on_main(self.write_results)

    def summarize(self, scores, targets, ids):
        """Metrics of the scores of all clips.

        Arguments
        ---------
        scores : numpy.ndarray
            [clips, classes].
        targets : numpy.ndarray
            1 where the clip has the class and 0 elsewhere, [clips, classes].
        ids : list of str
            Name of each clip.

        Returns
        -------
        metrics : dict
            Name to float; `best` is among them.
        """
        return summarize_classification(scores, targets)

    def _summarize_overlaps(self):
        """Mean overlap with the true event, and share selected, per pass."""
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
        """Writes tables, scores and pictures; shows the table."""
        labels = self.hparams.label_encoder
        text = write_results(
            self.hparams.output_folder,
            self.results,
            self.scores,
            [labels.ind2lab[index] for index in range(len(labels))],
            self.pictures,
        )
        print(text)

    def _keep_pictures(self, output, batch):
        """Keeps the first clips of the test for drawing."""
        views = batch.wavs.data.shape[1]
        for index, clip in enumerate(batch.id):
            if len(self.pictures) < self.hparams.pictures:
                event = None
                if hasattr(batch, "event"):
                    event = tuple(batch.event.data[index].tolist())
                row = index * views
                masks = [] if output.masks is None else output.masks[row]
                self.pictures[clip] = {
                    "log_mels": output.log_mel[row].float().cpu(),
                    "times": output.centres[row].cpu() / output.sample_rate,
                    # Nothing replays what the last pass selects.
                    "segments": [
                        mask_to_segments(mask, self._hop_seconds)
                        for mask in masks[: max(len(masks) - 1, 1)]
                    ],
                    "event": event,
                }

    def _mean_losses(self):
        """Mean of each loss over the stage and over the processes."""
        if not self.loss_terms:
            return {}
        means = {
            name: torch.stack([terms[name] for terms in self.loss_terms]).mean()
            for name in self.loss_terms[0]
        }
        if self.distributed_launch:
            for mean in means.values():
                ddp_all_reduce(mean, torch.distributed.ReduceOp.AVG)
        return {name: mean.item() for name, mean in means.items()}

    def _count_unreadable(self):
        """How often a clip could not be read; nothing if never."""
        count = torch.tensor(self.unreadable, device=self.device)
        if self.distributed_launch:
            ddp_all_reduce(count, torch.distributed.ReduceOp.SUM)
        return {"unreadable": count.item()} if count.item() else {}
