"""The folder of a run: it is held by one run at a time, and knows what made
what is in it.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import os
from pathlib import Path

import speechbrain as sb
from speechbrain.utils.checkpoints import CKPT_PREFIX
from speechbrain.utils.logger import get_logger

from speechbrain_pib import __version__
from speechbrain_pib.dataio.preparation import staged_preparation
from speechbrain_pib.training.fingerprints import (
    MAY_DIFFER,
    MAY_DIFFER_IN_TESTS,
    describe_contents,
    describe_data,
    describe_options,
    describe_run,
    explain_changes,
    find_changes,
    guess_fingerprint,
    load_fingerprint,
    save_fingerprint,
)
from speechbrain_pib.utils.files import locked_folder

logger = get_logger(__name__)


class OutputFolder:
    """The folder of a run; a training that is there goes on, or is tested, if
    it was made with the same settings and data.

    Nothing is written into it before that is known.

    Arguments
    ---------
    script : str
        The recipe's train.py.
    hparams_file : str
        HyperPyYAML, with "output_folder" and "save_folder".
    overrides : str
        YAML.
    run_opts : speechbrain.utils.run_opts.RunOptions
        From the command line.

    Example
    -------
    >>> OutputFolder("train.py", "a.yaml", "", run_opts)  # doctest: +SKIP
    """

    locks = contextlib.ExitStack()  # held until this process ends
    locked = set()  # their folders

    def __init__(self, script, hparams_file, overrides, run_opts):
        self.script, self.run_opts = script, run_opts
        self.hparams_file, self.overrides = hparams_file, overrides
        self.hparams = describe_options(hparams_file, overrides)
        self.path = self.hparams["output_folder"]
        self.save_folder = self.hparams["save_folder"]
        self.made_with = None  # the fingerprint of a training that is there
        self.begun = False

    def enter(self):
        """Keep other runs out, and compare the options; for the main process.

        Returns
        -------
        continued : bool
            Whether a training is there.

        Raises
        ------
        ValueError
            If another run is in the folder, or the options differ.
        """
        path = os.path.realpath(self.path)
        if path not in self.locked:
            self.locks.enter_context(locked_folder(path))
            self.locked.add(path)
        if any(Path(self.save_folder).glob(f"{CKPT_PREFIX}+*")):
            self.made_with = load_fingerprint(self.save_folder)
            if self.made_with is None:
                self.made_with = guess_fingerprint(self.path)
                logger.warning(
                    "%s holds a training of an older version: only what its "
                    "hyperparams.yaml and manifests say can be compared",
                    self.path,
                )
            self._compare("options", self._describe_options())
        return self.made_with is not None

    def begin(self):
        """Write what the run is made with; for all processes, once."""
        if not self.begun:
            sb.create_experiment_directory(
                self.path, self.hparams_file, self.overrides
            )
            self.begun = True

    def prepare(self, prepare, hparams):
        """Write manifests that fit; for the main process.

        Arguments
        ---------
        prepare : callable
            See `load_data`.
        hparams : dict
            As from `start_experiment`.

        Raises
        ------
        ValueError
            If a training that is there learned from other data.
        """
        with staged_preparation(self.path) as staging:
            prepare({**hparams, "output_folder": staging})
            self.check_data(staging)

    def check_data(self, source):
        """Compare the data, and store what a training is made with; for the
        main process.

        Arguments
        ---------
        source : str
            Folder with the manifests.

        Raises
        ------
        ValueError
            If a training that is there learned from other data.
        """
        data = describe_data(source)
        if self.made_with is not None:
            self._compare("data", data)
        if not self.run_opts["test_only"]:
            # Features and weights of a miniature are made after `enter`.
            made_with = {"options": self._describe_options(), "data": data}
            save_fingerprint(self.save_folder, made_with)

    def _describe_options(self):
        """Describe what decides what is learned, beside the data."""
        return {
            "recipe": Path(self.script).resolve().parent.name,
            **describe_contents(self.hparams),
            **describe_run(self.run_opts, self.hparams),
        }

    def _compare(self, part, now):
        """Raise if a part of the fingerprint is another now."""
        test_only = self.run_opts["test_only"]
        changes = find_changes(
            self.made_with[part],
            now,
            may_differ=MAY_DIFFER_IN_TESTS if test_only else MAY_DIFFER,
            same_version=self.made_with["version"] == __version__,
        )
        if changes:
            raise ValueError(explain_changes(self.path, changes))
