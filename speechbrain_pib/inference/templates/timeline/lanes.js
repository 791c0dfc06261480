// Events by class in lanes below the spectrogram; above them what was replayed.
const LANE = 20; // pixels

class Lanes {
  constructor(events, replays) {
    this.replays = replays;
    this.events = events;
    this.arrange();
  }

  // A lane for each label, also for those that corrections brought.
  arrange() {
    const labels = new Set(this.events.map((event) => event.label));
    this.labels = [...labels].sort();
    this.rowOf = new Map(this.labels.map((label, i) => [label, i + 1]));
    const names = document.getElementById("names");
    names.replaceChildren(
      ...["replayed", ...this.labels].map((text) => {
        const div = document.createElement("div");
        div.textContent = text;
        div.title = text;
        return div;
      }),
    );
    const canvas = document.getElementById("events");
    canvas.style.height = `${LANE * (this.labels.length + 1)}px`;
  }

  colour(label) {
    return `hsl(${(this.rowOf.get(label) * 137.5) % 360} 65% 45%)`;
  }

  draw(canvas, axis, selected) {
    const { context, width } = prepare(canvas);
    context.fillStyle = "#8a8a8a";
    for (const replay of this.replays) {
      for (const [start, stop] of replay.segments) {
        this.bar(context, axis, width, 0, start, stop, replay === selected);
      }
    }
    for (const event of this.events) {
      const row = this.rowOf.get(event.label);
      context.fillStyle = this.colour(event.label);
      context.globalAlpha = event.verdict === "rejected" ? 0.2 : 1;
      const chosen = event === selected;
      this.bar(context, axis, width, row, event.start, event.stop, chosen);
    }
    context.globalAlpha = 1;
  }

  bar(context, axis, width, row, start, stop, selected) {
    if (stop < axis.start || start > axis.stop) return;
    const left = Math.max(axis.toPixel(start, width), -5);
    const right = Math.min(axis.toPixel(stop, width), width + 5);
    const size = Math.max(right - left, 3); // else one cannot hit it
    context.fillRect(left, row * LANE + 4, size, LANE - 8);
    if (selected) {
      context.strokeStyle = "#000";
      context.lineWidth = 2;
      context.strokeRect(left, row * LANE + 3, size, LANE - 6);
    }
  }

  // The event, or replayed window, that is nearest to a place, within 5 pixels.
  find(axis, width, x, y) {
    const row = Math.floor(y / LANE);
    const seconds = axis.toSeconds(x, width);
    const away = (start, stop) => Math.max(start - seconds, seconds - stop, 0);
    const candidates = row === 0
      ? this.replays.map((replay) => [
        replay, Math.min(...replay.segments.map((part) => away(...part)))])
      : this.events
        .filter((event) => this.rowOf.get(event.label) === row)
        .map((event) => [event, away(event.start, event.stop)]);
    const nearest = candidates.reduce(
      (best, one) => (one[1] < best[1] ? one : best), [null, Infinity],
    );
    return nearest[1] <= (5 * axis.span) / width ? nearest[0] : null;
  }
}
