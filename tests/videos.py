"""Videos that tests write, and what tells which moment of them is read.

Authors
 * The speechbrain_pib developers 2026
"""

from fractions import Fraction

import numpy as np

RATE = 25  # pictures per second
FORMATS = [
    ("clip.mp4", ("libx264", "aac")),
    ("clip.mkv", ("libx264", "flac")),
    ("clip.avi", ("mpeg4", "pcm_s16le")),
    ("clip.mov", ("libx264", "pcm_s16le")),
    ("clip.mpg", ("mpeg2video", "mp2")),
    ("clip.ts", ("libx264", "aac")),
    ("clip.m2ts", ("libx264", "aac")),
    ("clip.vob", ("mpeg2video", "mp2")),
    ("clip.flv", ("flv1", "aac")),
]


def tone(seconds, sample_rate=44100):
    """A tone that rises by 200 Hz each second, so that its place is heard."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    rate = 300 + 200 * np.floor(time)
    return 0.5 * np.sin(2 * np.pi * rate * time).astype(np.float32)


def write_video(
    path,
    n_frames=100,
    channels=None,
    codecs=("libx264", "aac"),
    options=None,
    first=0,
    times=None,
    sample_rate=44100,
):
    """Frame n shows the bits of `first` + n, white or black, high bit left.

    It is shown from n / 25 s on, or from times[n] / 25 s. `channels` [C, n] is
    the sound; none if None.
    """
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codecs[0], rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.gop_size = 50
        if channels is not None:
            layout = "mono" if len(channels) == 1 else "stereo"
            audio = container.add_stream(
                codecs[1], rate=sample_rate, layout=layout
            )
        for number in range(n_frames):
            bits = np.unpackbits(np.uint8([(first + number) % 256]))
            image = np.tile(255 * bits.repeat(8)[:, None], (48, 1, 3))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if channels is not None:
            for start in range(0, channels.shape[1], 1024):
                block = np.ascontiguousarray(channels[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(
                    block, format="fltp", layout=layout
                )
                frame.sample_rate, frame.pts = sample_rate, start
                frame.time_base = Fraction(1, sample_rate)
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return str(path)


def number_of(image):
    """Which frame of `write_video` an image is."""
    bits = image[:, 8:-8].float().mean((0, 1)).unflatten(0, (8, 8))[:, 2:6]
    return int(np.packbits(bits.mean(1).numpy() > 128)[0])


def pitch_of(wav, sample_rate=16000):
    """Frequency in Hz of the middle of a second of sound."""
    middle = wav.numpy()[sample_rate // 10 : -sample_rate // 10]
    spectrum = np.abs(np.fft.rfft(middle))
    return spectrum.argmax() * sample_rate / len(middle)


def damage_packets(path, kind, numbers):
    """Overwrites packets of the first stream of a kind."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        packets = [p for p in container.demux(stream) if p.size]
        places = [(packets[n].pos, packets[n].size) for n in numbers]
    with open(path, "rb+") as file:
        for place, size in places:
            file.seek(place)
            file.write(b"\xff" * size)
    return len(packets)
