// Plays parts of the recording: sound that the page holds, or the file.
class Player {
  constructor(recording, say, moved) {
    this.audio = new Audio();
    this.sources = [...recording.sources];
    this.name = recording.name;
    this.say = say;
    this.moved = moved;
    this.offset = 0; // where the sound begins that is loaded
    this.turn = 0; // of playing: what was stopped while it loaded is not played
    this.clips = [...document.querySelectorAll(".sound")].map((element) => ({
      element,
      start: Number(element.dataset.start),
      stop: Number(element.dataset.stop),
    }));
  }

  get playing() {
    return !this.audio.paused;
  }

  get seconds() {
    return this.audio.currentTime + this.offset;
  }

  stop() {
    this.turn += 1;
    this.audio.pause();
  }

  useFile(file) {
    this.sources = [URL.createObjectURL(file)];
    this.clips = [];
    this.say("");
  }

  // The clip that has the most of a part; null if there are none.
  clipFor(start, stop) {
    const shared = (clip) =>
      Math.min(stop, clip.stop) - Math.max(start, clip.start);
    return this.clips.reduce(
      (best, clip) => (shared(clip) > (best ? shared(best) : 0) ? clip : best),
      null,
    );
  }

  async play(start, stop) {
    this.stop();
    const { turn } = this;
    const clip = this.clipFor(start, stop);
    const from = clip ? Math.max(start, clip.start) : start;
    this.end = clip ? Math.min(stop, clip.stop) : stop;
    if (await this.load(clip) && turn === this.turn) {
      this.audio.currentTime = from - this.offset;
      await this.begin();
      this.follow();
    }
  }

  async begin() {
    try {
      await this.audio.play();
    } catch (error) {
      // Stopped before it began: that is no fault.
      if (error.name !== "AbortError") this.say(`No sound: ${error.message}`);
    }
  }

  // Loads a clip, or else the first place where the recording is found.
  async load(clip) {
    const flac = clip && "data:audio/flac;base64," + clip.element.textContent;
    const places = clip ? [flac] : [...this.sources];
    for (const place of places) {
      if (await this.open(place)) {
        this.offset = clip ? clip.start : 0;
        if (!clip) this.sources = [place];
        this.say("");
        return true;
      }
    }
    this.say(
      `No sound: this page does not hold it, and ${this.name} is not where ` +
      "it was. Put it beside this page, or choose it below.",
    );
    return false;
  }

  open(place) {
    if (this.loaded === place) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (found) => {
        this.loaded = found ? place : null;
        resolve(found);
      };
      this.audio.onloadedmetadata = () => finish(true);
      this.audio.onerror = () => finish(false);
      this.audio.src = place;
    });
  }

  follow() {
    if (this.playing && this.seconds >= this.end) this.stop();
    this.moved();
    if (this.playing) requestAnimationFrame(() => this.follow());
  }
}
