"""Containers of sound and pictures, opened by any release of PyAV.

Authors
 * The speechbrain_pib developers 2026
"""


def open_media(source, options):
    """Opens a container, whatever its metadata are written in.

    Arguments
    ---------
    source : str or file-like
        What PyAV opens.
    options : dict
        Of FFmpeg.

    Returns
    -------
    container : av.container.InputContainer

    Raises
    ------
    av.FFmpegError
        If it is not what FFmpeg reads.

    Example
    -------
    >>> import soundfile
    >>> path = str(getfixture("tmpdir") / "zeros.wav")
    >>> soundfile.write(path, [0.0] * 8000, 16000)
    >>> with open_media(path, {}) as container:
    ...     len(container.streams)
    1
    """
    import av  # only those need it who have such files

    # Before PyAV 19, which has no such argument, a tag that is not UTF-8 was
    # an error.
    release = int(av.__version__.partition(".")[0])
    lenient = {"metadata_errors": "ignore"} if release < 19 else {}
    return av.open(source, options=options, **lenient)
