"""ClassificationBrain: what every training of a classifier shares.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import speechbrain as sb
import torch
from speechbrain.dataio.dataloader import distributed_loader_specifics
from speechbrain.dataio.sampler import ReproducibleRandomSampler
from speechbrain.utils.distributed import get_rank, run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.evaluation.comparisons import compare_outputs
from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.evaluation.reports import (
    describe_comparison,
    results_table,
    write_tables,
)
from speechbrain_pib.evaluation.resampled_metrics import ResampledClassification
from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.training.averaging import MovingAverage
from speechbrain_pib.training.checkpoints import (
    put_damaged_aside,
    require_finite,
)
from speechbrain_pib.training.loading import (
    check_training_loader,
    explain_timeout,
)
from speechbrain_pib.training.optimizers import parameter_groups
from speechbrain_pib.training.statistics import StageStatistics
from speechbrain_pib.utils.devices import warn_of_slow_precision
from speechbrain_pib.utils.files import hash_ids
from speechbrain_pib.utils.printing import show
from speechbrain_pib.utils.seeds import fold_seed

logger = get_logger(__name__)


class ClassificationBrain(sb.Brain):
    """Train a classifier, keep its best checkpoint, score each clip once.

    A subclass computes forward and objectives: it appends the terms of the
    loss, and how many clips were "unreadable", to `statistics` and, in
    evaluation, to `scores`. A recipe of another kind of data set changes
    `best`, `make_train_sampler`, `summarize` and `resample`.

    What a training draws follows from its seed, the epoch, and the clip or
    the step alone: neither the number of workers nor a kill matters. Gradients
    that are not finite are not learned from. With `grad_accumulation_factor`,
    a step is a whole group of batches: those at the end of an epoch that do
    not fill one are not learned from, and a checkpoint is of whole steps.

    It expects in modules: "model"; in hparams: "model", "schedule"
    (WarmupCosine in epochs), "layer_decay" (see parameter_groups), "ema_decay"
    (of the moving average of the weights, with which it evaluates; None for
    the weights themselves), "seed", "train_logger", "epoch_counter" and
    "output_folder".

    Arguments
    ---------
    *args : tuple
        Passed on to Brain.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label, for the results of a test.
    coverage : dict
        How much of each list was found (see report_coverage), likewise.
    valid_set : torch.utils.data.Dataset
        The validation set, for tests that set something by it first.
    **kwargs : dict
        Passed on to Brain.

    Example
    -------
    >>> ClassificationBrain.__mro__[1].__name__
    'Brain'
    """

    # The metric of the validation by which a checkpoint is chosen.
    best = "top1"
    # The scores by which it is judged.
    output = "fused"

    def __init__(
        self,
        *args,
        label_encoder=None,
        coverage=None,
        valid_set=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        for precision in {self.precision, self.eval_precision}:
            warn_of_slow_precision(precision, self.device)
        self.label_encoder = label_encoder
        self.coverage = coverage
        self.valid_set = valid_set
        self.statistics = StageStatistics()
        recoverables = {"statistics": self.statistics}
        self.average = None
        if self.hparams.ema_decay is not None:
            self.average = MovingAverage(
                self.hparams.model, self.hparams.ema_decay
            )
            recoverables["average"] = self.average
        if self.checkpointer is not None:
            for name, recoverable in recoverables.items():
                # Not in the checkpoints of every training.
                self.checkpointer.add_recoverable(
                    name, recoverable, optional_load=True
                )

    def fit(self, *args, **kwargs):
        """Run Brain.fit; say what to do where no batch comes."""
        with explain_timeout():
            super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Run Brain.evaluate; say what to do where no batch comes."""
        with explain_timeout():
            return super().evaluate(*args, **kwargs)

    def make_dataloader(self, dataset, stage, **loader_kwargs):
        """Make a loader as Brain does, with an order that follows the seed in
        training and, in evaluation, a share of the clips for each rank."""
        loader_kwargs["pin_memory"] = "cuda" in str(self.device)
        if stage == sb.Stage.TRAIN:
            # Brain tells this sampler the epoch, and wraps it under DDP.
            self.train_sampler = self.make_train_sampler(dataset)
            loader_kwargs["sampler"] = self.train_sampler
            # Of the workers' seeds, see _fit_train.
            loader_kwargs["generator"] = torch.Generator()
        elif self.distributed_launch:
            loader_kwargs = distributed_loader_specifics(
                True, self.rank, dataset, loader_kwargs
            )
        if not loader_kwargs.get("num_workers"):
            loader_kwargs.pop("timeout", None)
        loader = super().make_dataloader(dataset, stage, **loader_kwargs)
        if stage == sb.Stage.TRAIN:
            check_training_loader(loader, self.grad_accumulation_factor)
            self.steps_per_epoch = len(loader) // self.grad_accumulation_factor
        return loader

    def make_train_sampler(self, dataset):
        """Make the order of the training clips; another one in every epoch.

        Arguments
        ---------
        dataset : speechbrain_pib.dataio.manifest_dataset.ManifestDataset
            The training clips.

        Returns
        -------
        sampler : torch.utils.data.Sampler
            With `set_epoch`.
        """
        return ReproducibleRandomSampler(dataset, seed=1000 * self.hparams.seed)

    def init_optimizers(self):
        """Make one optimizer, and its schedule per step."""
        self.optimizer = self.opt_class(self.make_parameter_groups())
        self.optimizers_dict = {"opt_class": self.optimizer}
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: self.hparams.schedule(step / self.steps_per_epoch),
        )
        if self.checkpointer is not None:
            self.checkpointer.add_recoverable("optimizer", self.optimizer)
            self.checkpointer.add_recoverable("scheduler", self.scheduler)

    def make_parameter_groups(self):
        """Group the parameters; the last group learns at the full rate.

        Returns
        -------
        groups : list
            As `parameter_groups` returns them.
        """
        return parameter_groups(self.hparams.model, self.hparams.layer_decay)

    def _fit_train(self, train_set, epoch, enable):
        """Train an epoch; its seed is given to the data set and the workers."""
        seed = fold_seed(self.hparams.seed, epoch)
        train_set.generator.manual_seed(seed)
        if hasattr(train_set.dataset, "set_seed"):
            train_set.dataset.set_seed(seed)
        super()._fit_train(train_set, epoch, enable)

    def _fit_valid(self, valid_set, epoch, enable):
        """Validate; without a validation set the last epoch is kept."""
        super()._fit_valid(valid_set, epoch, enable)
        if valid_set is None:
            self._log_epoch(epoch, {})
            self._save_checkpoint({"epoch": epoch})

    def fit_batch(self, batch):
        """Train on a batch; name its clips if the loss is not finite."""
        loss = super().fit_batch(batch)
        if not loss.isfinite():
            logger.warning(
                "Left out of the training, the loss is %s: %s",
                loss.item(),
                ", ".join(batch.id),
                main_process_only=False,
            )
        return loss

    def on_fit_batch_start(self, batch, should_step):
        """Draw other masks, noise and mixtures in every step and process."""
        epoch = self.hparams.epoch_counter.current
        rank = get_rank() or 0
        torch.manual_seed(fold_seed(self.hparams.seed, epoch, self.step, rank))

    def check_loss_isfinite(self, loss):
        """Make the gradients NaN where the loss is not finite.

        An infinite loss may have finite gradients. NaN reaches all processes
        with the gradients, so that all of them skip the step; Brain raises an
        error in one. The host need not wait for the loss.
        """
        factor = torch.where(loss.detach().isfinite(), 1.0, torch.nan)
        loss.register_hook(lambda gradient: gradient * factor)

    def optimizers_step(self):
        """Clip the gradients of all groups together (Brain: of the first), and
        learn from them if they are finite."""
        self.scaler.unscale_(self.optimizer)
        limit = self.max_grad_norm if self.max_grad_norm > 0 else math.inf
        norm = torch.nn.utils.clip_grad_norm_(
            self.modules.model.parameters(), limit
        )
        finite = bool(norm.isfinite())
        if finite or self.scaler.is_enabled():
            # A scaler skips the step itself, and changes its scale.
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self._count_nonfinite()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1
        if finite and self.average is not None:
            self.average.update_parameters(self.hparams.model)

    def _count_nonfinite(self):
        """Raise an error, on all processes, after too many lost steps."""
        self.nonfinite_count += 1
        if self.nonfinite_count > self.nonfinite_patience:
            raise ValueError(
                f"the gradients of {self.nonfinite_count} steps of this epoch "
                "are not finite; look at the clips named above, lower lr, or "
                "give a larger --nonfinite_patience"
            )

    def on_fit_batch_end(self, batch, outputs, loss, should_step):
        """Advance the learning rate."""
        if should_step:
            self.scheduler.step()

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time, steps_since_ckpt):
        """Save between two steps alone: no checkpoint holds gradients."""
        return (
            self.step % self.grad_accumulation_factor == 0
            and super()._should_save_intra_epoch_ckpt(
                last_ckpt_time, steps_since_ckpt
            )
        )

    def _save_intra_epoch_ckpt(self):
        """Save a checkpoint inside an epoch, unless the weights broke."""
        require_finite(self.hparams.model)
        super()._save_intra_epoch_ckpt()

    def on_fit_start(self):
        """Start as Brain does, after putting damaged checkpoints aside."""
        self._compile()
        self._wrap_distributed()
        self.init_optimizers()
        if self.checkpointer is not None:
            run_on_main(put_damaged_aside, args=[self.checkpointer])
            self.checkpointer.recover_if_possible()

    def on_evaluate_start(self, max_key=None, min_key=None):
        """Load the checkpoint to evaluate; there has to be one."""
        if self.checkpointer is None:
            return
        run_on_main(put_damaged_aside, args=[self.checkpointer])
        found = self.checkpointer.recover_if_possible(
            max_key=max_key, min_key=min_key
        )
        if found is None:
            raise FileNotFoundError(
                "there is no checkpoint to evaluate in "
                f"{self.checkpointer.checkpoints_dir}; train first"
            )

    def on_stage_start(self, stage, epoch=None):
        """Prepare the statistics of a stage."""
        if stage != sb.Stage.TRAIN or self.step == 0:
            # Else an epoch is resumed, and a checkpoint had them.
            self.statistics.reset()
        if stage != sb.Stage.TRAIN:
            self.scores = ClipScores()
            self.exchange_average()

    def exchange_average(self):
        """Exchange the weights and their average, if there is one."""
        if self.average is not None:
            self.average.exchange(self.hparams.model)

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Log, and save the checkpoint of an epoch."""
        losses, lost = self._summarize_statistics()
        if stage == sb.Stage.TRAIN:
            self.train_stats = {**losses, **lost}
            return
        self.exchange_average()
        self.scores.gather()
        if self.scores.nonfinite:
            logger.warning(
                "Left out, scores are not finite: %s",
                ", ".join(self.scores.nonfinite),
            )
        if stage == sb.Stage.VALID:
            metrics = self.scores.summarize(self.output, self.summarize)
            self._log_epoch(epoch, {**losses, **metrics})
            self._save_checkpoint(
                {"epoch": epoch, self.best: metrics[self.best]},
                max_keys=[self.best],
            )
        else:
            self.on_test_end(losses)

    def _save_checkpoint(self, meta, max_keys=()):
        """Keep the latest checkpoint and the best one by each key."""
        if self.checkpointer is not None:
            require_finite(self.hparams.model)
            self.checkpointer.save_and_keep_only(
                meta=meta, num_to_keep=1, max_keys=list(max_keys)
            )

    def _log_epoch(self, epoch, valid_stats):
        """Write a line of the training log."""
        self.hparams.train_logger.log_stats(
            stats_meta={
                "epoch": epoch,
                "lr": self.optimizer.param_groups[-1]["lr"],
            },
            train_stats=self.train_stats,
            valid_stats=valid_stats or None,
        )

    def on_test_end(self, losses):
        """Log the test, and write its results into the output folder.

        Arguments
        ---------
        losses : dict
            Mean of each loss.
        """
        self.results = {
            "seed": self.hparams.seed,
            "epoch": self.hparams.epoch_counter.current,
            "clips": len(self.scores.ids),
            "unreadable": self.scores.unreadable,
            "nonfinite": self.scores.nonfinite,
            "id_sha256": hash_ids(self.scores.ids),
            "coverage": self.coverage,
            "losses": losses,
            "scores": {
                name: self.scores.summarize(name, self.summarize)
                for name in self.scores.scores
            },
            **self.describe_test(),
        }
        self.hparams.train_logger.log_stats(
            stats_meta={"epoch": self.results["epoch"]},
            test_stats={**losses, **self.results["scores"][self.output]},
        )
        run_on_main(self._report)

    def _report(self):
        """Compare the outputs and write the results, on the main process."""
        comparison = self._compare_outputs()
        if comparison is not None:
            self.results["comparison"] = comparison
        self.write_results()

    def _compare_outputs(self):
        """Compare the output by which the model is judged with all others;
        None where there are none, or no labels, or a single clip."""
        scores, metrics = self.scores, self.results["scores"][self.output]
        if len(scores.scores) < 2 or len(scores.ids) < 2 or not metrics:
            return None
        outputs = {
            name: scores.summarize(name, self.resample)
            for name in scores.scores
        }
        return compare_outputs(
            outputs,
            self.output,
            len(scores.ids),
            [name for name in metrics if name in outputs[self.output].names],
        )

    def describe_test(self):
        """Describe what else the results of a test hold.

        Returns
        -------
        description : dict
            Fit for JSON.
        """
        return {}

    @property
    def class_names(self):
        """Class names in the order of the indices."""
        names = self.label_encoder.ind2lab
        return [names[index] for index in range(len(names))]

    def write_results(self):
        """Write tables and scores, on the main process; show the table."""
        rows = self.results["scores"]
        text = f"{results_table(rows, title='scores of')}\n"
        text += describe_comparison(self.results, {name: name for name in rows})
        write_tables(
            self.hparams.output_folder,
            self.results,
            text,
            self.scores,
            self.class_names,
            self.output,
        )
        show(text)

    def summarize(self, scores, targets, ids):
        """Compute the metrics of the scores of all clips.

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

    def resample(self, scores, targets, ids):
        """Make the metrics of `summarize` for resamples of the clips.

        Arguments
        ---------
        scores : numpy.ndarray
            As for `summarize`.
        targets : numpy.ndarray
            As for `summarize`.
        ids : list of str
            As for `summarize`.

        Returns
        -------
        metrics : callable
            Such as ResampledClassification. A metric of `summarize` that is
            not among its `names` has no interval in the results of a test.
        """
        return ResampledClassification(scores, targets)

    def _summarize_statistics(self):
        """Average each loss over the stage and the processes; and count what
        was lost: clips that could not be read, batches without a finite loss.
        """
        totals = self.statistics.gather()
        lost = {}
        if "unreadable" in totals:
            lost["unreadable"] = int(totals.pop("unreadable").sum)
        if "loss" in totals:
            lost["nonfinite"] = totals["loss"].nonfinite
        losses = {name: total.mean for name, total in totals.items()}
        return losses, {name: count for name, count in lost.items() if count}
