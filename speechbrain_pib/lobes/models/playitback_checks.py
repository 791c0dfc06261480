"""Whether the parts of a Play It Back model fit together.

Authors
 * The speechbrain_pib developers 2026
"""


def check_encoders(first, replay):
    """Check that two encoders hear the same clips and tell the same classes.

    Arguments
    ---------
    first : tuple
        Front end and backbone of the first pass.
    replay : tuple
        Those of the replays; the same ones, or others.

    Raises
    ------
    ValueError
        If they do not.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> encoder = MultiHopFbank(hop_length=400, n_frames=200), ConvNet(10)
    >>> check_encoders(encoder, (MultiHopFbank(hop_length=200), ConvNet(10)))
    """
    heard = [
        (fbank.n_samples, fbank.sample_rate) for fbank, _ in (first, replay)
    ]
    if heard[0] != heard[1]:
        first_heard, replay_heard = (
            f"{samples} samples at {rate} Hz ({samples / rate:g} s)"
            for samples, rate in heard
        )
        raise ValueError(
            f"the front end of the first pass hears {first_heard}, that of "
            f"the replays {replay_heard}: both must hear the same; change "
            "n_frames or hop_length of one"
        )
    if first[1] is replay[1]:
        return
    classes = [backbone.head.out_features for _, backbone in (first, replay)]
    if classes[0] != classes[1]:
        raise ValueError(
            f"the backbone of the first pass tells {classes[0]} classes, that "
            f"of the replays {classes[1]}"
        )


def check_decoder(model):
    """Check that selector and decoder of a model fit its passes.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.playitback.PlayItBack
        The model, while it is built.

    Raises
    ------
    ValueError
        If they do not.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> check_decoder(PlayItBack(MultiHopFbank(hop_length=200), ConvNet(10)))
    """
    selector, decoder = model.selector, model.decoder
    if (selector is None) != (decoder is None):
        raise ValueError("a selector needs a decoder, and a decoder one")
    if decoder is None:
        if model.replays > 0:
            raise ValueError(
                f"{model.replays} replays need a selector and a decoder"
            )
        return
    if len(decoder.levels) != model.replays + 1:
        raise ValueError(
            f"the decoder has {len(decoder.levels)} levels; {model.replays} "
            f"replays need {model.replays + 1} (num_passes)"
        )
    _check_sizes(model)


def _check_sizes(model):
    """Raise an error where a part was built for another backbone."""
    (_, first), (_, replay) = model.encoder(0), model.encoder(1)
    sizes = {
        "selector": (model.selector.input_size, first),
        "decoder": (model.decoder.input_size, first),
    }
    if model.replays:
        replay_size = model.decoder.replay_input_size
        sizes["decoder of replays"] = (replay_size, replay)
    for name, (size, backbone) in sizes.items():
        if size != backbone.output_size:
            raise ValueError(
                f"the {name} was built for {size} features, the backbone "
                f"gives {backbone.output_size}"
            )
