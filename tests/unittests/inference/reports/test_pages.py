"""Tests of the page of a recording, as a browser shows it.

They need a Chromium of the system, such as Debian's chromium-headless-shell.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.audio.readers import UnreadableAudioError
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import read_events
from speechbrain_pib.inference.reports.pages import write_page
from speechbrain_pib.inference.reports.replays import Replay
from speechbrain_pib.lobes.features import MultiHopFbank

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
RATE = 16000
SECONDS = 60.0
HOSTILE = "</script><script>hostile=1</script><img src=x onerror='hostile=1'>"
EVENTS = [
    Event('dog, "barking"', 6.0, 7.0, 0.75),
    Event("rain", 20.25, 21.5, 0.5, confirmed=1),
    Event('dog, "barking"', 40.0, 40.5, 0.875, confirmed=1),
    Event(HOSTILE, 50.0, 52.0, 0.25),
]
REPLAYS = [
    Replay(18.0, 23.0, [[(20.2, 21.2)]], {"rain": [0.25, 0.5]}),
    Replay(37.0, 42.0, [[(39.8, 40.6)]], {HOSTILE: [0.5, 0.875]}),
]
LANES = ["replayed", HOSTILE, 'dog, "barking"', "rain"]


def write_tones(path, events, seconds):
    """Write quiet noise with a tone of 1 kHz for each event."""
    rng = np.random.default_rng(0)
    wav = 0.001 * rng.normal(size=round(seconds * RATE))
    tone = 0.3 * np.sin(np.arange(len(wav)) * 2 * np.pi * 1000 / RATE)
    for event in events:
        span = slice(round(event.start * RATE), round(event.stop * RATE))
        wav[span] += tone[span]
    soundfile.write(path, wav, RATE)


def write(path, recording, events=EVENTS, replays=REPLAYS, **options):
    """Write a page as the command does."""
    options = {
        "fbanks": [MultiHopFbank(hop_length=200, n_frames=400)] * 2,
        "refinement": 3,
        "labels": ["cat", HOSTILE],
        "costs": {"windows heard": "24", HOSTILE: HOSTILE},
        **options,
    }
    write_page(path, recording, events, replays, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A recording of a hostile name, and its page in another folder."""
    folder = tmp_path_factory.mktemp("report")
    recording = folder / "a<img src=x onerror=hostile=1>%20#?'\".wav"
    write_tones(recording, EVENTS, SECONDS)
    page = folder / "out" / "page.html"
    write(page, recording)
    return SimpleNamespace(recording=recording, page=page)


@pytest.fixture(scope="module")
def browser():
    """A browser without a window."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a page from the disk; nothing goes wrong in it, and it asks for
    nothing but itself, what it holds, and the recording."""
    contexts, errors, requests = [], [], []

    def open_path(path):
        context = browser.new_context(viewport={"width": 1000, "height": 900})
        contexts.append(context)
        context.on("request", lambda request: requests.append(request.url))
        context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(path.as_uri())
        page.requests = requests
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not errors
    kinds = {url.partition(":")[0] for url in requests}
    assert kinds <= {"file", "data", "blob"}


@pytest.fixture
def page(open_page, made):
    """The page, opened."""
    return open_page(made.page)


def place(page, event, lane=None):
    """Pixel of the middle of an event in its lane, by a rule of three."""
    box = page.locator("#events").bounding_box()
    middle = (event.start + event.stop) / 2
    lane = LANES.index(event.label) if lane is None else lane
    return box["x"] + middle / SECONDS * box["width"], box["y"] + 20 * lane + 10


def brightness(page, canvas, height):
    """Least of red, green and blue at a share of the height of a canvas, from
    the left to the right [pixels], 0 to 255."""
    return np.array(
        page.evaluate(
            """([id, share]) => {
                const { width, height } = document.getElementById(id);
                const context = document.getElementById(id).getContext("2d");
                const y = Math.floor(share * height);
                const { data } = context.getImageData(0, y, width, 1);
                return Array.from(
                    { length: width },
                    (_, x) => Math.min(...data.slice(4 * x, 4 * x + 3)),
                );
            }""",
            [canvas, height],
        )
    )


def find_tones(page, canvas, start, stop):
    """Where tones of 1 kHz begin and end in a spectrogram that shows the time
    from start to stop [edges] in seconds; none as long as nothing is drawn."""
    # HTK's mel scale from 0 to 8 kHz, from the top.
    height = 1 - np.log10(1 + 1000 / 700) / np.log10(1 + 8000 / 700)
    found = brightness(page, canvas, height)
    edges = np.diff((found > 120).astype(int)).nonzero()[0] + 1
    return start + edges * (stop - start) / len(found)


def wait_until(page, condition):
    """Asks again until something is true, for 10 s at most."""
    for _ in range(100):
        if found := condition():
            return found
        page.wait_for_timeout(100)
    raise AssertionError("waited in vain")


def playing_seconds(page):
    """Where the sound is that is playing; None when it is not."""
    return page.evaluate("player.playing ? player.seconds : null")


def saved_events(page, folder):
    """The corrected list, as it is saved and read."""
    with page.expect_download() as download:
        page.get_by_text("Save corrected list").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return read_events(path)


@pytest.mark.parametrize("event", EVENTS)
def test_a_click_on_an_event_selects_it(page, event):
    page.mouse.click(*place(page, event))
    assert page.locator("#title").text_content() == event.label
    facts = page.locator("#facts").text_content()
    assert facts.startswith(f"00:00:{event.start:06.3f} to ")
    assert f"score {event.score:.3f}" in facts
    assert page.locator("#rows tr.selected").count() == 1


def test_a_click_plays_an_event_and_stops_at_its_end(page, made):
    event = EVENTS[2]
    page.locator("#rows button").nth(2).click()
    assert page.locator("#title").text_content() == event.label
    wait_until(page, lambda: playing_seconds(page) is not None)
    wait_until(page, lambda: playing_seconds(page) is None)
    stopped = page.evaluate("player.seconds")
    assert event.stop <= stopped < event.stop + 0.3
    played = [url for url in page.requests if url.endswith(".wav")]
    assert played and set(played) == {made.recording.as_uri()}


def test_keys_walk_through_the_events_and_play(page):
    titles = []
    for key in "nnpnnnn":
        page.keyboard.press(key)
        titles.append(page.locator("#title").text_content())
    labels = [EVENTS[i].label for i in (0, 1, 0, 1, 2, 3, 3)]
    assert titles == labels
    page.keyboard.press(" ")
    heard = wait_until(page, lambda: playing_seconds(page))
    assert EVENTS[3].start - 0.1 < heard < EVENTS[3].stop
    page.keyboard.press(" ")
    wait_until(page, lambda: playing_seconds(page) is None)


def test_corrections_are_saved_and_read_back(page, tmp_path):
    assert saved_events(page, tmp_path) == EVENTS
    page.keyboard.press("n")
    page.keyboard.press("x")
    page.keyboard.press("n")
    page.keyboard.press("a")
    page.keyboard.press("n")
    page.keyboard.press("r")
    label = '=1+1, "x" <b>'
    page.keyboard.type(label)
    page.keyboard.press("Enter")
    assert page.locator("#title").text_content() == label
    assert page.locator("#names div").all_text_contents() == [
        "replayed",
        *sorted([HOSTILE, label, *LANES[2:]]),
    ]
    expected = [EVENTS[1], EVENTS[2]._replace(label=label), EVENTS[3]]
    assert saved_events(page, tmp_path) == expected
    # Taken back.
    page.keyboard.press("p")
    page.keyboard.press("p")
    page.keyboard.press("x")
    assert saved_events(page, tmp_path) == [EVENTS[0], *expected]


def test_hostile_names_and_labels_are_text(page, made):
    for number in range(len(EVENTS)):
        page.keyboard.press("n")
        page.wait_for_timeout(100)
        assert page.evaluate("'hostile' in window") is False, number
    assert page.locator("h1").text_content() == made.recording.name
    assert page.locator("#costs td").last.text_content() == HOSTILE
    assert page.locator("img").count() == 0
    page.keyboard.press("r")
    page.keyboard.press("Escape")


def test_nothing_from_outside_is_allowed(page):
    blocked = page.evaluate(
        """async () => {
            const found = [];
            document.addEventListener("securitypolicyviolation",
                (event) => found.push(event.effectiveDirective));
            const place = "http://127.0.0.1:9/x";
            new Image().src = place;
            new Audio().src = place;
            const script = document.createElement("script");
            script.textContent = "window.hostile = 1";
            document.head.append(script);
            await fetch(place).catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 300));
            return [found, "hostile" in window];
        }"""
    )
    directives, ran = blocked
    assert not ran
    wanted = {"img-src", "media-src", "script-src-elem", "connect-src"}
    assert wanted <= set(directives)
    page.requests.clear()  # Those were blocked.


def test_tones_are_where_their_events_are(page):
    expected = [time for event in EVENTS for time in event[1:3]]
    found = wait_until(
        page, lambda: find_tones(page, "spectrogram", 0, SECONDS).tolist()
    )
    # Columns of 0.2 s are shown, the loudest part of each.
    assert found == pytest.approx(expected, abs=0.25)
    lanes = 1 + np.arange(3)
    drawn = [
        np.diff(brightness(page, "events", (lane + 0.5) / 4) > 0).nonzero()[0]
        for lane in lanes
    ]
    pixels = page.locator("#events").bounding_box()["width"]
    for lane, edges in zip(lanes, drawn):
        times = [
            time
            for event in EVENTS
            for time in event[1:3]
            if event.label == LANES[lane]
        ]
        wanted = np.array(times) / SECONDS * pixels
        assert np.abs(edges + 1 - wanted).max() <= 1


def test_the_wheel_zooms_where_it_is_and_dragging_moves(page):
    box = page.locator("#spectrogram").bounding_box()
    middle = box["y"] + box["height"] / 2
    event = EVENTS[1]
    x = box["x"] + event.start / SECONDS * box["width"]
    page.mouse.move(x, middle)
    for _ in range(30):
        page.mouse.wheel(0, -50)
    shown = page.evaluate("[axis.start, axis.stop]")
    assert shown[1] - shown[0] == pytest.approx(SECONDS * np.exp(-5), rel=0.01)
    share = (x - box["x"]) / box["width"]
    at_mouse = shown[0] + share * (shown[1] - shown[0])
    assert at_mouse == pytest.approx(event.start, abs=0.01)

    # The tone begins at the mouse, within half a column.
    found = wait_until(
        page, lambda: find_tones(page, "spectrogram", *shown).tolist()
    )
    assert found[0] == pytest.approx(event.start, abs=0.02)
    page.mouse.down()
    page.mouse.move(x - 100, middle)
    page.mouse.up()
    moved = page.evaluate("axis.start")
    width = (shown[1] - shown[0]) / box["width"]
    assert moved - shown[0] == pytest.approx(100 * width, rel=0.02)
    page.keyboard.press("0")
    assert page.evaluate("[axis.start, axis.stop]") == [0, SECONDS]
    page.keyboard.press("n")
    page.keyboard.press("z")
    start, stop = page.evaluate("[axis.start, axis.stop]")
    assert start < EVENTS[0].start < EVENTS[0].stop < stop < 10


def test_both_spectrograms_of_a_replay_show_it_in_original_time(page):
    event, window = EVENTS[2], REPLAYS[1]
    page.mouse.click(*place(page, event, lane=0))
    for canvas in ("first", "second"):
        found = wait_until(
            page,
            lambda canvas=canvas: find_tones(
                page, canvas, window.start, window.start + 5
            ).tolist(),
        )
        assert found[0] == pytest.approx(event.start, abs=0.03)
        assert found[-1] == pytest.approx(event.stop, abs=0.03)
    texts = page.locator("#scores td").all_text_contents()
    assert texts == [HOSTILE, "0.500", "0.875"]


def test_a_replayed_window_can_be_selected_and_played(page):
    segment = Event("", 20.2, 21.2, 0.0)
    page.mouse.click(*place(page, segment, lane=0))
    assert page.locator("#title").text_content() == "Replayed window"
    assert not page.locator("#reject").is_visible()
    page.locator("#play").click()
    heard = wait_until(page, lambda: playing_seconds(page))
    assert 20.1 < heard < 21.3
    page.keyboard.press("n")
    assert page.locator("#title").text_content() == "rain"


def test_a_page_with_sound_needs_no_recording(open_page, tmp_path):
    recording = tmp_path / "a.wav"
    write_tones(recording, EVENTS, SECONDS)
    write(tmp_path / "page.html", recording, with_sound=True)
    recording.unlink()
    page = open_page(tmp_path / "page.html")
    for event, key in zip(EVENTS, "nnnn"):
        page.keyboard.press(key)
        page.keyboard.press(" ")
        heard = wait_until(page, lambda: playing_seconds(page))
        assert event.start - 0.1 < heard < event.stop + 0.3
    assert not [url for url in page.requests if url.endswith(".wav")]


def test_a_recording_is_found_beside_the_page_or_chosen(
    open_page, made, tmp_path
):
    shutil.copy(made.page, tmp_path / "moved.html")
    page = open_page(tmp_path / "moved.html")
    page.keyboard.press("n")
    page.keyboard.press(" ")
    status = page.locator("#status")
    wait_until(page, lambda: "No sound" in status.text_content())
    page.locator("#file").set_input_files(made.recording)
    page.locator("#play").click()
    wait_until(page, lambda: playing_seconds(page))
    assert status.text_content() == ""
    shutil.copy(made.recording, tmp_path)
    page = open_page(tmp_path / "moved.html")
    page.locator("#rows button").first.click()
    wait_until(page, lambda: playing_seconds(page))


def test_a_recording_without_events_has_a_page(open_page, tmp_path):
    recording = tmp_path / "a.wav"
    write_tones(recording, [], 3.0)
    write(tmp_path / "page.html", recording, [], [])
    page = open_page(tmp_path / "page.html")
    assert "00:00:03, 0 events" in page.locator("header").text_content()
    for key in "npz axr":
        page.keyboard.press(key)
    wait_until(page, lambda: brightness(page, "spectrogram", 0.5).max() > 5)


def test_the_same_page_is_written_again(made, tmp_path):
    write(made.page.parent / "again.html", made.recording)
    again = (made.page.parent / "again.html").read_text("utf-8")
    first = made.page.read_text("utf-8")
    digest = re.compile('content="[0-9a-f]{64}"|(again|page).corrected')
    assert digest.sub("", again) == digest.sub("", first)


def test_a_page_of_the_same_is_left_alone(tmp_path):
    recording, page = tmp_path / "a.wav", tmp_path / "page.html"
    write_tones(recording, EVENTS, SECONDS)

    def is_written(events=EVENTS, **options):
        if page.exists():
            os.utime(page, (0, 0))
        write(page, recording, events, **options)
        return page.stat().st_mtime > 0

    assert is_written()
    assert is_written()
    assert is_written(fingerprint="one")
    assert not is_written(fingerprint="one")
    assert is_written(fingerprint="two")
    assert is_written(EVENTS[:3], fingerprint="two")
    assert is_written(EVENTS[:3], fingerprint="two", with_sound=True)
    page.write_bytes(page.read_bytes()[:-100])
    assert is_written(EVENTS[:3], fingerprint="two", with_sound=True)
    page.write_bytes(b"")
    assert is_written(fingerprint="two")


def test_a_page_that_cannot_be_finished_is_not_there(tmp_path):
    recording = tmp_path / "a.wav"
    write_tones(recording, EVENTS, SECONDS)
    page = tmp_path / "page.html"
    beyond = Replay(70.0, 75.0, [[(71.0, 72.0)]], {})
    with pytest.raises(UnreadableAudioError, match="no samples at 70"):
        write(page, recording, replays=[beyond])
    with pytest.raises(ValueError, match="CSV cannot hold the label"):
        write(page, recording, [Event("a\r", 1.0, 2.0, 0.5)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [4000, 16000])
def test_an_hour_of_noise_replayed_everywhere_has_less_than_5_mb(
    tmp_path, rate
):
    share = 0.25  # of an hour
    recording, page = tmp_path / "a.wav", tmp_path / "page.html"
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.normal(size=round(3600 * share) * rate)
    soundfile.write(recording, noise, rate)
    starts = np.arange(0, 3600 * share - 5, 2.5).tolist()
    events = [Event("dog", t + 1, t + 2, 0.5, 1) for t in starts]
    replays = [
        Replay(t, t + 5, [[(t + 1, t + 2)]], {"dog": [0.1, t / 1000]})
        for t in starts
    ]
    fbank = MultiHopFbank(
        hop_length=rate // 80, n_frames=400, sample_rate=rate, n_mels=64
    )
    write(page, recording, events, replays, fbanks=[fbank] * 2)
    size = page.stat().st_size
    assert size < 5e6 * share, size
    shown = re.findall(r'id="replay-(\d+)"', page.read_text("utf-8"))
    # Those with the highest scores.
    assert len(shown) > 20
    assert sorted(map(int, shown)) == list(range(len(starts)))[-len(shown) :]
