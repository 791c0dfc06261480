"""Recordings of any length, heard by a model that takes windows.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import math

import torch

from speechbrain_pib.dataio.audio.crops import (
    cut_segment,
    stack_segments,
    view_starts,
)
from speechbrain_pib.dataio.audio.levels import find_fault
from speechbrain_pib.dataio.audio.locators import open_audio
from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.settings import (
    EVENT_THRESHOLD,
    TimelineSettings,
)
from speechbrain_pib.inference.listening import Listening, merge_segments
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.nnet.losses import split_tasks

# Bounds the memory that a long recording takes.
WINDOWS_PER_BATCH = 16


class WindowedClassifier:
    """What classifiers of windows share, whatever computes them.

    A recording longer than a window is heard in uniform windows, at least
    `views` and as many as cover it, and the probabilities are averaged; a
    shorter one is heard once. Recordings do not depend on others in their
    batch, and results do not change from call to call.

    A subclass has

    * ``sample_rate`` in Hz, ``n_samples`` of a window, and ``views``,
    * ``label_encoder``, class index to label, and ``tasks``, the number of
      classes of each task that shares the head, or None,
    * ``hear_windows(wavs [V, n_samples], lengths [V])``: of each window its
      probabilities [classes], its embedding [features], and for each pass
      the selected segments, as (start, stop) in seconds of the window,
    * and for time lines ``labels``, of each class in their order,
      ``replays``, how often the model replays, and ``make_listener(plan)``,
      see ``WindowListener``; and ``until_sure``, an UntilSure if windows that
      are sure are not replayed.

    Example
    -------
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> class Level(WindowedClassifier):
    ...     sample_rate, n_samples, views, tasks = 100, 100, 2, None
    ...     label_encoder = CategoricalEncoder()
    ...     label_encoder.update_from_iterable(["quiet", "loud"])
    ...
    ...     def hear_windows(self, wavs, lengths):
    ...         levels = wavs.abs().mean(dim=1)
    ...         return [(torch.stack([1 - x, x]), x, []) for x in levels]
    >>> *_, label = Level().classify_batch(torch.full((1, 150), 0.9))
    >>> label
    ['loud']
    """

    until_sure = None
    # Evidence that an event of a time line reaches, where nothing else is
    # asked for.
    event_threshold = EVENT_THRESHOLD

    @property
    def crop_seconds(self):
        """Duration of a window in seconds."""
        return self.n_samples / self.sample_rate

    def classify_batch(self, wavs, wav_lens=None):
        """Classifies waveforms in memory.

        Arguments
        ---------
        wavs : torch.Tensor
            [batch, samples] or [samples], any number of samples, at the
            sampling rate of the model, in [-1, 1].
        wav_lens : torch.Tensor
            Lengths relative to `samples`, in (0, 1] [batch]; what is beyond
            is not heard (default: everything is).

        Returns
        -------
        out_prob : torch.Tensor
            Probability of each class [batch, classes].
        score : torch.Tensor
            Probability of the best class [batch]; of several tasks, the
            product of theirs.
        index : torch.Tensor
            Index of the best class [batch]; of several tasks [batch, tasks].
        text_lab : list of str
            Label of the best class; of several tasks joined by "|".

        Raises
        ------
        ValueError
            If the waveforms have the wrong shape or type, are not finite, or
            at another scale than 1.
        """
        heard = self.listen_batch(wavs, wav_lens)
        return self.decide(torch.stack([one.probabilities for one in heard]))

    def classify_file(self, path):
        """Classifies an audio file.

        Arguments
        ---------
        path : str or Path
            wav, flac, ogg, opus or mp3 of any sampling rate, number of
            channels and duration; with PyAV m4a, aac, mp4 or webm, too.

        Returns
        -------
        As `classify_batch`, for a batch of one.

        Raises
        ------
        UnreadableAudioError
            If the file is missing, damaged or empty, or its samples are no
            sound: not finite, or at another scale than 1.
        """
        return self.decide(self.listen_file(path).probabilities.unsqueeze(0))

    def encode_batch(self, wavs, wav_lens=None):
        """Computes an embedding of each waveform.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `classify_batch`.
        wav_lens : torch.Tensor
            As for `classify_batch`.

        Returns
        -------
        embeddings : torch.Tensor
            What the last layer classifies [batch, 1, features].
        """
        heard = self.listen_batch(wavs, wav_lens)
        return torch.stack([one.embedding for one in heard]).unsqueeze(1)

    def listen_batch(self, wavs, wav_lens=None):
        """Tells what was heard in waveforms, and what was replayed.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `classify_batch`.
        wav_lens : torch.Tensor
            As for `classify_batch`.

        Returns
        -------
        heard : list of Listening
            One for each waveform.
        """
        rows = _rows(wavs, wav_lens)
        rate = self.sample_rate
        starts = [self._window_starts(len(row) / rate) for row in rows]
        segments = (
            row[round(start * rate) :]
            for row, row_starts in zip(rows, starts)
            for start in row_starts
        )
        windows = iter(self._hear(segments))
        return [
            self._summarize(
                len(row) / rate,
                row_starts,
                list(itertools.islice(windows, len(row_starts))),
            )
            for row, row_starts in zip(rows, starts)
        ]

    def listen_file(self, path):
        """Tells what was heard in an audio file, and what was replayed.

        The file is read window by window, however long it is.

        Arguments
        ---------
        path : str or Path
            As for `classify_file`.

        Returns
        -------
        heard : Listening
        """
        with open_audio(path) as audio:
            audio.check_end()
            starts = self._window_starts(audio.duration)
            segments = (
                cut_segment(audio, start, self.crop_seconds, self.sample_rate)
                for start in starts
            )
            return self._summarize(audio.duration, starts, self._hear(segments))

    def timeline_file(self, path, **settings):
        """Finds the events of a recording of any length.

        Every window is heard once, and only those in which something may be
        are replayed. Memory does not grow with the recording.

        Arguments
        ---------
        path : str or Path
            As for `classify_file`, or a video.
        **settings : dict
            As for ``TimelineSettings``, such as ``threshold=0.4`` or
            ``replays="all"``.

        Yields
        ------
        event : Event
            As soon as nothing that is heard later can change it.

        Raises
        ------
        UnreadableAudioError, UnreadableVideoError
            As `classify_file`.
        ValueError
            If a setting is none that it can be.
        """
        for part in self.timeline_parts(path, **settings):
            yield from part.events

    def timeline_parts(self, path, **settings):
        """Finds the events of a recording, and tells the evidence over time.

        Arguments
        ---------
        path : str or Path
            As for `timeline_file`.
        **settings : dict
            As for `timeline_file`.

        Yields
        ------
        part : TimelinePart
            With events, evidence and what was replayed.
        """
        settings = TimelineSettings(**settings)
        with open_sound(path, self.sample_rate) as sound:
            yield from Timeline(self, sound.blocks, settings).parts()

    def decide(self, out_prob):
        """Finds the best classes.

        Arguments
        ---------
        out_prob : torch.Tensor
            Probability of each class [batch, classes].

        Returns
        -------
        As `classify_batch`.
        """
        if self.tasks is None:
            score, index = out_prob.max(dim=-1)
            labels = self.label_encoder.decode_torch(index)
            return out_prob, score, index, labels
        parts = split_tasks(out_prob, self.tasks)
        scores, indices = zip(*(part.max(dim=-1) for part in parts))
        firsts = itertools.accumulate(self.tasks[:-1], initial=0)
        index = torch.stack([i + n for i, n in zip(indices, firsts)], dim=-1)
        labels = self.label_encoder.decode_torch(index)
        score = torch.stack(scores, dim=-1).prod(dim=-1)
        return out_prob, score, index, ["|".join(row) for row in labels]

    def _window_starts(self, duration):
        """Where the windows of a recording begin, in seconds."""
        if duration <= self.crop_seconds:
            return [0.0]
        needed = math.ceil(round(duration / self.crop_seconds, 6))
        views = max(self.views, needed)
        return view_starts(duration, self.crop_seconds, views)

    def _hear(self, segments):
        """Probabilities, embedding and segments of each window.

        Takes an iterable of waveforms [n], not longer than they need to be.
        """
        segments = iter(segments)
        heard = []
        while chunk := list(itertools.islice(segments, WINDOWS_PER_BATCH)):
            heard += self.hear_windows(*stack_segments(chunk, self.n_samples))
        return heard

    def _summarize(self, duration, starts, windows):
        """Joins the windows of a recording."""
        probabilities, embeddings, segments = zip(*windows)
        probabilities = torch.stack(probabilities)
        # The selection of the last pass is not replayed.
        replays = zip(*(passes[:-1] for passes in segments))
        return Listening(
            probabilities=probabilities.mean(dim=0),
            embedding=torch.stack(embeddings).mean(dim=0),
            segments=[
                merge_segments(
                    (start + begin, min(start + end, duration))
                    for start, window in zip(starts, replay)
                    for begin, end in window
                )
                for replay in replays
            ],
            windows=[
                (start, min(start + self.crop_seconds, duration))
                for start in starts
            ],
            window_probabilities=probabilities,
        )


def _rows(wavs, wav_lens):
    """The waveforms [n] of a batch without their padding."""
    if wavs.ndim == 1:
        wavs = wavs.unsqueeze(0)
    if wavs.ndim != 2 or not wavs.numel() or not wavs.is_floating_point():
        raise ValueError(
            "expected waveforms [batch, samples] of floating point numbers "
            f"in [-1, 1], got {wavs.dtype} of shape {list(wavs.shape)}"
        )
    if wav_lens is None:
        wav_lens = torch.ones(len(wavs))
    if wav_lens.shape != wavs.shape[:1] or not all(
        0 < length <= 1 for length in wav_lens.tolist()
    ):
        raise ValueError(
            f"expected {len(wavs)} relative lengths in (0, 1], "
            f"got {wav_lens.tolist()}"
        )
    samples = (wav_lens * wavs.shape[1]).round().clamp(min=1).long()
    rows = [row[:n] for row, n in zip(wavs.float(), samples.tolist())]
    for index, row in enumerate(rows):
        if (fault := find_fault(row)) is not None:
            raise ValueError(f"waveform {index} of the batch {fault}")
    return rows
