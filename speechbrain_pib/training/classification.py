"""ClassificationBrain: what every training of a classifier shares.

Authors
 * The speechbrain_pib developers 2026
"""

import speechbrain as sb
import torch
from speechbrain.dataio.dataloader import distributed_loader_specifics
from speechbrain.dataio.sampler import ReproducibleRandomSampler
from speechbrain.utils.distributed import ddp_all_reduce, run_on_main

from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.evaluation.reports import results_table, write_tables
from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.training.averaging import MovingAverage
from speechbrain_pib.training.checkpoints import put_interrupted_aside
from speechbrain_pib.training.optimizers import parameter_groups
from speechbrain_pib.utils.devices import warn_of_slow_precision
from speechbrain_pib.utils.files import hash_ids
from speechbrain_pib.utils.printing import show


class ClassificationBrain(sb.Brain):
    """Train a classifier, keep its best checkpoint, score each clip once.

    A subclass computes forward and objectives: it appends the terms of the
    loss to `loss_terms`, adds to `unreadable` and, in evaluation, appends to
    `scores`. A recipe of another kind of
    data set changes `best`, `make_train_sampler` and `summarize`.

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

    def __init__(self, *args, label_encoder=None, coverage=None, **kwargs):
        super().__init__(*args, **kwargs)
        for precision in {self.precision, self.eval_precision}:
            warn_of_slow_precision(precision, self.device)
        self.label_encoder = label_encoder
        self.coverage = coverage
        self.average = None
        if self.hparams.ema_decay is not None:
            self.average = MovingAverage(
                self.hparams.model, self.hparams.ema_decay
            )
            if self.checkpointer is not None:
                # Not in the checkpoints of a training without it.
                self.checkpointer.add_recoverable(
                    "average", self.average, optional_load=True
                )

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Run Brain.fit; without a validation set the last epoch is kept."""
        self.has_validation = valid_set is not None
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def make_dataloader(self, dataset, stage, **loader_kwargs):
        """Make a loader as Brain does, with an order that follows the seed in
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

    def optimizers_step(self):
        """Clip the gradients of all groups together (Brain: of the first)."""
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
        """Advance the learning rate."""
        if should_step:
            self.scheduler.step()

    def on_fit_start(self):
        """Start as Brain does, after putting half-written checkpoints aside."""
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
        """Load the checkpoint to evaluate; there has to be one."""
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

    def on_stage_start(self, stage, epoch=None):
        """Prepare the statistics of a stage."""
        self.loss_terms, self.unreadable = [], 0
        if stage == sb.Stage.TRAIN:
            self.worker_seeds.manual_seed(1000 * self.hparams.seed + epoch)
        else:
            self.scores = ClipScores()
            if self.average is not None:
                self.average.exchange(self.hparams.model)

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Log, and save the checkpoint of an epoch."""
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
            train_stats=self.train_losses,
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
        run_on_main(self.write_results)

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
        text = results_table(self.results["scores"], title="scores of") + "\n"
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

    def _mean_losses(self):
        """Average each loss over the stage and over the processes."""
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
        """Count how often a clip could not be read; nothing if never."""
        count = torch.as_tensor(self.unreadable, device=self.device)
        if self.distributed_launch:
            ddp_all_reduce(count, torch.distributed.ReduceOp.SUM)
        return {"unreadable": count.item()} if count.item() else {}
