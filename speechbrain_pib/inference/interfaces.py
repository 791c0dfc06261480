"""What the classifiers of both systems share: they load inference folders.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.fetching import FetchSource

from speechbrain_pib.inference.folders import check_folder, check_source
from speechbrain_pib.utils.devices import (
    check_device,
    warn_of_slow_precision,
)


class ExportedClassifier(Pretrained):
    """A classifier that an export wrote as an inference folder.

    A subclass has `num_classes`, a property, and "label_encoder" among its
    hyperparameters.

    Arguments
    ---------
    *args : tuple
        As for ``Pretrained``.
    **kwargs : dict
        As for ``Pretrained``.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        warn_of_slow_precision(self.precision, self.device)
        labels = self.hparams.label_encoder
        labels.expect_len(self.num_classes)
        if len(labels) != self.num_classes:
            raise ValueError(
                f"the label encoder has {len(labels)} labels, the model "
                f"{self.num_classes} classes; they are not of one training"
            )

    @classmethod
    def from_hparams(cls, source, hparams_file="hyperparams.yaml", **kwargs):
        """Load an inference folder.

        Arguments
        ---------
        source : str or Path
            The folder, or a Hugging Face hub name "owner/name". A name whose
            owner is a folder here is a folder, too.
        hparams_file : str
            The YAML file in it.
        **kwargs : dict
            As for ``Pretrained.from_hparams``, such as ``run_opts`` with
            "device" and "precision".

        Returns
        -------
        classifier : cls

        Raises
        ------
        FileNotFoundError
            If the folder, or a file in it, does not exist.
        ValueError
            If the folder holds another system or something else, if its files
            are damaged or do not belong together, naming each entry of the
            weights, or if the device cannot be used.
        """
        _check_run_opts(kwargs.get("run_opts"))
        local = not isinstance(source, FetchSource)
        if local:
            source = os.fspath(source)
            check_source(source)
            local = os.path.isdir(source)
        if local:
            check_folder(source, cls, hparams_file)
        try:
            return super().from_hparams(source, hparams_file, **kwargs)
        except OSError as error:
            if local:
                raise
            raise FileNotFoundError(
                f"there is no folder {source}, and it was not found on the "
                f"Hugging Face hub: {error}"
            ) from error
        except Exception as error:  # What a YAML file names can raise anything.
            raise ValueError(
                f"{source} cannot be loaded: {_describe(error)}"
            ) from error


def _check_run_opts(run_opts):
    """Raise if the options, a dict or RunOptions, name an unknown device."""
    if isinstance(run_opts, dict):
        device = run_opts.get("device")
    else:
        device = getattr(run_opts, "device", None)
    if device is not None:
        check_device(device)


def _describe(error):
    """An error in one line, with its class where that says more."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return text
    return f"{type(error).__name__}: {text}"
