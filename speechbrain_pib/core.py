"""PlayItBackBrain: the training and evaluation that all recipes share.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import zipfile
import zlib

import numpy as np
import speechbrain as sb
import torch
from speechbrain.dataio.dataloader import distributed_loader_specifics
from speechbrain.dataio.sampler import ReproducibleRandomSampler
from speechbrain.utils.distributed import ddp_all_reduce, run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.lobes.models.controls import (
    event_frames,
    loudest_frames,
    random_segments,
)
from speechbrain_pib.lobes.models.replay import mask_to_segments
from speechbrain_pib.utils.metrics import ClipScores, segment_overlap
from speechbrain_pib.utils.optimizers import weight_decay_groups
from speechbrain_pib.utils.plots import plot_replays
from speechbrain_pib.utils.reports import write_results

logger = get_logger(__name__)


class PlayItBackBrain(sb.Brain):
    """Trains and evaluates a PlayItBack model.

    Batches hold "id", "wavs" [batch, views, samples], "lengths" (relative)
    [batch, views] and "target" (one-hot or multi-hot) [batch, classes];
    "event" (start and stop in seconds) [batch, 2] where the truth is known
    and a clip is heard in one view.

    It expects in modules: "model" (PlayItBack), "augment" (waveforms to
    waveforms) and "mixing" (waveforms and targets); in hparams: "loss"
    (PlayItBackLoss), "schedule" (WarmupCosine in epochs), "selection"
    ("learned", or a control to train and test with), "random_seconds" (width
    of its random segments), "controls" (selections that take the place of the
    learned one in the test), "seed", "train_logger", "label_encoder",
    "output_folder" and "pictures" (number of test clips to draw).

    Example
    -------
    >>> PlayItBackBrain.__mro__[1].__name__
    'Brain'
    """

    # The metric of the validation by which a checkpoint is chosen.
    best = "top1"

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
            self.train_sampler = ReproducibleRandomSampler(
                dataset, seed=1000 * self.hparams.seed
            )
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

    def init_optimizers(self):
        """One optimizer with two groups, and its schedule per step."""
        self.optimizer = self.opt_class(weight_decay_groups(self.modules.model))
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
            run_on_main(self._put_interrupted_aside)
            self.checkpointer.recover_if_possible()

    def on_evaluate_start(self, max_key=None, min_key=None):
        """Loads the checkpoint to evaluate; there has to be one."""
        if self.checkpointer is None:
            return
        run_on_main(self._put_interrupted_aside)
        found = self.checkpointer.recover_if_possible(
            max_key=max_key, min_key=min_key
        )
        if found is None:
            raise FileNotFoundError(
                "there is no checkpoint to evaluate in "
                f"{self.checkpointer.checkpoints_dir}; train first"
            )

    def _put_interrupted_aside(self):
        """Renames checkpoints that a kill left half written, which
        SpeechBrain would take for the newest, or stumble over."""
        needed = {
            name
            for name in self.checkpointer.recoverables
            if name != "dataloader-TRAIN"
            and not self.checkpointer.optional_recoverables.get(name)
        }
        for checkpoint in self.checkpointer.list_checkpoints():
            files = checkpoint.paramfiles
            broken = {name for name in files if not _is_complete(files[name])}
            broken |= needed - set(files)
            if broken or checkpoint.meta is None:
                aside = checkpoint.path.with_name(
                    f"interrupted-{checkpoint.path.name}"
                )
                checkpoint.path.rename(aside)
                logger.warning(
                    f"{checkpoint.path} is incomplete and now called "
                    f"{aside.name}; it lacks "
                    + ", ".join(sorted(broken) or ["its description"])
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
        replays = self.hparams.model.replays
        return replays > 0 and self.hparams.selection != "learned"

    def _replays_its_selection(self):
        """Whether the replays follow the learned selection."""
        replays = self.hparams.model.replays
        return replays > 0 and self.hparams.selection == "learned"

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
        if stage != sb.Stage.TRAIN:
            self._keep_scores(output, batch, stage)
        return losses["loss"]

    def _keep_scores(self, output, batch, stage):
        """Appends the scores of a batch, averaged over the views."""
        logits = {}
        if stage == sb.Stage.TEST and self.hparams.model.replays > 0:
            for index, of_pass in enumerate(output.pass_logits.unbind(1)):
                logits[f"pass_{index}"] = of_pass
        logits["fused"] = output.logits
        if stage == sb.Stage.TEST:
            if self._replays_its_selection():
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
        self.scores.append(batch.id, batch.target.data, scores)

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
        n_frames = model.fbank.n_frames
        if control == "same_hop":
            mask = widths.new_zeros(len(widths), n_frames).bool()
        elif control == "random":
            places = self._random_places(batch, stage)
            mask = random_segments(places, widths, n_frames)
        elif control == "loudest" and log_mel is not None:
            mask = loudest_frames(log_mel[:, 0], widths)
        elif control == "event" and hasattr(batch, "event"):
            mask = event_frames(batch.event.data, n_frames, self._hop_seconds)
        else:
            raise ValueError(
                f"there is no selection {control!r} here; choose learned, "
                "same_hop or random, event where the truth is known, or, in "
                "controls alone, loudest"
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
        places = [
            zlib.crc32(f"{clip} {view}".encode()) / 2**32
            for clip in batch.id
            for view in range(views)
        ]
        return torch.tensor(places, device=self.device)

    def on_stage_start(self, stage, epoch=None):
        """Prepares the statistics of a stage."""
        self.loss_terms = []
        if stage == sb.Stage.TRAIN:
            self.worker_seeds.manual_seed(1000 * self.hparams.seed + epoch)
        else:
            self.scores, self.overlaps = ClipScores(), ClipScores()
        self.pictures = {}

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, and saves the checkpoint of an epoch."""
        losses = self._mean_losses()
        if stage == sb.Stage.TRAIN:
            self.train_losses = losses
            if not self.has_validation:
                self._log_epoch(epoch, {})
                self._save_checkpoint({"epoch": epoch})
            return
        self.scores.gather()
        if stage == sb.Stage.VALID:
            metrics = self.scores.summarize("fused")
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
                "lr": self.optimizer.param_groups[0]["lr"],
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
            "losses": losses,
            "scores": {
                name: self.scores.summarize(name) for name in self.scores.scores
            },
        }
        if self.hparams.model.replays > 0:
            self.results["selection"] = self.hparams.selection
        if self.overlaps.parts:
            self.results["overlap"] = self._summarize_overlaps()
        self.hparams.train_logger.log_stats(
            stats_meta={"epoch": self.results["epoch"]},
            test_stats={**losses, **self.results["scores"]["fused"]},
        )
        run_on_main(self._write_results)

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

    def _write_results(self):
        """Writes tables, scores and pictures; shows the table."""
        folder, labels = self.hparams.output_folder, self.hparams.label_encoder
        names = [labels.ind2lab[index] for index in range(len(labels))]
        write_results(folder, self.results, self.scores, names)
        with open(os.path.join(folder, "results.md")) as file:
            print(file.read())
        pictures = os.path.join(folder, "replays")
        os.makedirs(pictures, exist_ok=True)
        for clip, picture in self.pictures.items():
            plot_replays(
                **picture,
                path=os.path.join(pictures, f"{clip}.png"),
                title=f"{clip}: {self._verdict(clip, names)}",
            )

    def _verdict(self, clip, names):
        """True and predicted label of a clip in words."""
        row = self.scores.ids.index(clip)
        true = names[self.scores.targets[row].argmax()]
        heard = names[self.scores.scores["fused"][row].argmax()]
        return f"{true}, heard as {heard}"

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


def _is_complete(path):
    """Whether a checkpoint's file has its end; torch.save writes zip files,
    which keep their directory there."""
    with open(path, "rb") as file:
        head = file.read(2)
    return zipfile.is_zipfile(path) if head == b"PK" else bool(head)
