"""The front end of X3 beside librosa: four full spectrograms, as published.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import torch
from measure import median_seconds

# In a row, as a worker would: after something else the memory is cold.
CALLS = 5


def librosa_log_mel(fbank, wav, hop):
    """The log-mel of one clip as published: filters made anew each time.

    Arguments
    ---------
    fbank : MultiHopFbank
        Whose settings are used.
    wav : numpy.ndarray
        Samples.
    hop : int
        In samples.

    Returns
    -------
    log_mel : numpy.ndarray
        [frames, n_mels].
    """
    import librosa

    spectrum = librosa.stft(
        wav,
        n_fft=fbank.n_fft,
        hop_length=hop,
        win_length=fbank.win_length,
        pad_mode="constant",
    )
    filters = librosa.filters.mel(
        sr=fbank.sample_rate,
        n_fft=fbank.n_fft,
        n_mels=fbank.n_mels,
        htk=True,
        norm=None,
    )
    return np.log(filters @ np.abs(spectrum) + fbank.log_offset).T


def front_end_rows(model, wavs, repeats):
    """Front ends of X3; on a CPU one thread, one clip, and librosa beside.

    Arguments
    ---------
    model : PlayItBack
        Whose passes are laid out.
    wavs : torch.Tensor
        [batch, samples].
    repeats : int
        Calls that count.

    Returns
    -------
    rows : list
        A dictionary for each table row.
    """
    fbank, difference = model.fbank, None
    with torch.no_grad():
        if wavs.device.type == "cpu":
            wavs = wavs[:1]
        centres = model(wavs).centres
        functions = {
            "here": lambda: [fbank(wavs, where) for where in CALLS * centres]
        }
        threads = torch.get_num_threads()
        if wavs.device.type == "cpu":
            torch.set_num_threads(1)
            wav = wavs[0].numpy()
            hops = [round(fbank.hop_length / k) for k in range(1, 5)]
            functions["librosa, as published"] = lambda: [
                librosa_log_mel(fbank, wav, hop) for hop in CALLS * hops
            ]
            reference = librosa_log_mel(fbank, wav, fbank.hop_length)
            heard = fbank(wavs)[0].numpy()
            difference = float(np.abs(reference[: len(heard)] - heard).max())
        medians = median_seconds(functions, wavs.device, 3 * repeats)
        torch.set_num_threads(threads)
    clips = CALLS * len(wavs)
    return [
        {
            "front end": name,
            "ms/clip": 1000 * median / clips,
            "clips/s": clips / median,
            "times as fast as here": medians["here"] / median,
            "difference from librosa": difference if name == "here" else 0.0,
        }
        for name, median in medians.items()
    ]
