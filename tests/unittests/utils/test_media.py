"""Tests of what releases of PyAV differ in.

Authors
 * The speechbrain_pib developers 2026
"""

import av
import pytest

from speechbrain_pib.utils.media import open_media


@pytest.mark.parametrize(
    "release, lenient",
    [("14.4.0", {"metadata_errors": "ignore"}), ("19.0.2", {})],
)
def test_each_release_gets_the_arguments_that_it_has(
    monkeypatch, release, lenient
):
    given = {}
    monkeypatch.setattr(av, "__version__", release)
    monkeypatch.setattr(av, "open", lambda *_, **more: given.update(more))
    open_media("clip.m4a", {"protocol_whitelist": "file"})
    assert given == {"options": {"protocol_whitelist": "file"}, **lenient}


def test_a_tag_that_is_not_utf8_is_no_error(tmp_path):
    path = str(tmp_path / "tagged.mka")
    with av.open(path, "w") as container:
        container.metadata["title"] = "caf@"
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame("s16", "mono", 100)
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = (tmp_path / "tagged.mka").read_bytes()
    assert data.count(b"caf@") == 1
    (tmp_path / "tagged.mka").write_bytes(data.replace(b"caf@", b"caf\xe9"))
    with open_media(path, {}) as container:
        assert container.metadata["title"].startswith("caf")
