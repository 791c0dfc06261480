// The two spectrograms of a replayed window, on the axis of original time.
class ReplayView {
  constructor(palette) {
    this.palette = palette;
    this.pictures = new Map();
  }

  // What is drawn last wins, not what is decoded last.
  async show(replay, event) {
    this.shown = replay;
    this.describe(replay);
    const element = document.getElementById(`replay-${replay.index}`);
    for (const id of ["first", "second"]) {
      document.getElementById(id).hidden = !element;
    }
    if (!element) return;
    if (!this.pictures.has(replay.index)) {
      const passes = JSON.parse(element.textContent);
      const decoded = passes.map(async (pass) => ({
        knots: pass.knots,
        picture: await decodePicture(pass.picture, this.palette),
      }));
      this.pictures.set(replay.index, await Promise.all(decoded));
    }
    if (this.shown !== replay) return;
    const [first, second] = this.pictures.get(replay.index);
    this.draw("first", first, replay, event);
    this.draw("second", second, replay, event);
  }

  describe(replay) {
    const parts = replay.segments.map(
      ([start, stop]) => `${formatTime(start)} to ${formatTime(stop)}`);
    document.getElementById("heard").textContent =
      `Window from ${formatTime(replay.start)} to ${formatTime(replay.stop)}; ` +
      `heard more finely: ${parts.join(", ")}` +
      (document.getElementById(`replay-${replay.index}`)
        ? "" : " (no pictures, as there are too many replays)");
    const names = Object.keys(replay.scores);
    const passes = names.length ? replay.scores[names[0]].length : 0;
    document.getElementById("replayed").textContent =
      passes > 2 ? `Replay ${passes - 1}` : "Replay";
    const titles = Array.from(
      { length: passes }, (_, i) => (i ? `replay ${i}` : "first listen"));
    const rows = names.map((name) =>
      makeRow("td", name, ...replay.scores[name].map((p) => p.toFixed(3))));
    document.getElementById("scores").replaceChildren(
      makeRow("th", "score after the", ...titles), ...rows);
  }

  draw(id, { picture, knots }, replay, event) {
    const axis = new Axis(replay.stop - replay.start, () => {});
    axis.start = replay.start;
    axis.stop = replay.stop;
    const target = prepare(document.getElementById(id));
    for (let i = 1; i < knots.length; i += 1) {
      const [left, right] = [knots[i - 1], knots[i]];
      const columns = [left[0], right[0]];
      drawColumns(target, axis, picture, columns, [left[1], right[1]]);
    }
    const { context, width, height } = target;
    const outline = (start, stop, colour, inset) => {
      const left = axis.toPixel(start, width);
      context.strokeStyle = colour;
      context.lineWidth = 2;
      const size = axis.toPixel(stop, width) - left;
      context.strokeRect(left, inset, size, height - 2 * inset);
    };
    for (const [start, stop] of replay.segments) {
      outline(start, stop, "#4fd2ff", 1);
    }
    if (event) outline(event.start, event.stop, "#fff", 6);
  }
}

function makeRow(kind, ...texts) {
  const row = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}
