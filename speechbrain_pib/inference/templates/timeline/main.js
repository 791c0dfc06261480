// Joins the parts, and listens to mouse and keyboard.
const find = (id) => document.getElementById(id);
const report = JSON.parse(find("report").textContent);
const say = (text) => { find("status").textContent = text; };
const replays = report.replays.map((replay, index) => ({ ...replay, index }));
const corrections = new Corrections(report);
const { events } = corrections;
const axis = new Axis(report.recording.duration, () => redraw());
const tiles = new Tiles(
  report.spectrogram, JSON.parse(find("limits").textContent), () => redraw());
const lanes = new Lanes(events, replays);
const player = new Player(report.recording, say, () => redraw());
const replayView = new ReplayView(makePalette(0, 255));
let selected = null; // an event, or a replayed window
let waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const { context, width, height } = tiles.draw(find("spectrogram"), axis);
    const mark = (start, stop, colour) => {
      const left = axis.toPixel(start, width);
      context.fillStyle = colour;
      const size = Math.max(axis.toPixel(stop, width) - left, 1);
      context.fillRect(left, 0, size, height);
    };
    if (selected) mark(selected.start, selected.stop, "rgb(255 255 255 / 25%)");
    if (player.playing) mark(player.seconds, player.seconds, "#4fd2ff");
    drawClock(find("clock"), axis);
    lanes.draw(find("events"), axis, selected);
  });
}

const isEvent = (item) => item !== null && "label" in item;

// The replayed window that shares the most with an event.
function replayOf(event) {
  const shared = (replay) =>
    Math.min(event.stop, replay.stop) - Math.max(event.start, replay.start);
  return replays.reduce(
    (best, one) => (shared(one) > (best ? shared(best) : 0) ? one : best), null);
}

function select(item) {
  if (item !== selected) player.stop();
  selected = item;
  closeLabel();
  axis.reveal(item.start, item.stop);
  describe();
  const replay = isEvent(item) ? replayOf(item) : item;
  find("replay").hidden = !replay;
  if (replay) replayView.show(replay, isEvent(item) ? item : null);
}

function describe() {
  find("detail").hidden = false;
  const known = isEvent(selected);
  find("title").textContent = known ? selected.label : "Replayed window";
  const facts = [`${formatTime(selected.start)} to ${formatTime(selected.stop)}`];
  if (known) {
    facts.push(`score ${selected.score.toFixed(3)}`,
      `confirmed by ${passName(selected.confirmed)}`, selected.verdict);
  }
  find("facts").textContent = facts.filter(Boolean).join(", ");
  for (const id of ["accept", "reject", "relabel"]) find(id).hidden = !known;
  document.querySelectorAll("#rows tr.selected")
    .forEach((row) => row.classList.remove("selected"));
  if (known) {
    fillRow(selected);
    selected.row.classList.add("selected");
    selected.row.scrollIntoView({ block: "nearest" });
  }
  redraw();
}

const passName = (pass) => (pass ? `replay ${pass}` : "the first listen");

function fillRow(event) {
  const texts = ["", formatTime(event.start), formatTime(event.stop),
    event.label, event.score.toFixed(3), passName(event.confirmed),
    event.verdict];
  texts.forEach((text, i) => {
    if (i) event.row.cells[i].textContent = text;
  });
  event.row.className = event.verdict;
}

function makeList() {
  for (const event of events) {
    event.row = makeRow("td", ...Array(7).fill(""));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "▶";
    button.setAttribute("aria-label", `Play ${event.label}`);
    event.row.cells[0].append(button);
    event.row.onclick = () => select(event);
    button.onclick = (click) => {
      click.stopPropagation();
      select(event);
      play(event);
    };
    fillRow(event);
  }
  find("rows").replaceChildren(...events.map((event) => event.row));
}

// An event, or what was heard more finely of a replayed window.
function play(item) {
  const parts = item.segments?.length
    ? item.segments : [[item.start, item.stop]];
  player.play(parts[0][0], parts[parts.length - 1][1]);
}

function step(by) {
  if (!events.length) return;
  let index = isEvent(selected) ? selected.index + by : by > 0 ? 0 : -1;
  if (selected && !isEvent(selected)) {
    const after = events.findIndex((event) => event.start >= selected.start);
    index = (after < 0 ? events.length : after) - (by > 0 ? 0 : 1);
  }
  select(events[Math.min(Math.max(index, 0), events.length - 1)]);
}

function judge(verdict) {
  if (!isEvent(selected)) return;
  corrections.judge(selected, verdict);
  describe();
}

function openLabel() {
  if (!isEvent(selected)) return;
  find("label").hidden = false;
  find("label").value = selected.label;
  find("label").select();
}

function closeLabel() {
  find("label").hidden = true;
}

function saveLabel() {
  const label = find("label").value.trim();
  closeLabel();
  if (!label) return;
  corrections.relabel(selected, label);
  lanes.arrange();
  describe();
}

const ACTIONS = {
  n: () => step(1),
  p: () => step(-1),
  " ": () => (player.playing ? player.stop() : selected && play(selected)),
  a: () => judge("accepted"),
  x: () => judge("rejected"),
  r: () => openLabel(),
  z: () => selected && axis.show(
    1.5 * selected.start - 0.5 * selected.stop,
    1.5 * selected.stop - 0.5 * selected.start),
  0: () => axis.show(0, axis.duration),
  ArrowLeft: () => axis.move(-axis.span / 4),
  ArrowRight: () => axis.move(axis.span / 4),
  "+": () => axis.zoom(0.5, (axis.start + axis.stop) / 2),
  "-": () => axis.zoom(2, (axis.start + axis.stop) / 2),
};

document.addEventListener("keydown", (key) => {
  const typing = key.target.tagName === "INPUT";
  const pressed = key.key === " " && key.target.tagName === "BUTTON";
  if (typing || pressed || key.ctrlKey || key.metaKey || key.altKey) return;
  if (!Object.hasOwn(ACTIONS, key.key)) return;
  key.preventDefault();
  ACTIONS[key.key]();
});

// After a click keys are for the time line; who walks by tabs keeps the focus.
document.addEventListener("click", (click) => {
  if (click.detail && click.target.tagName === "BUTTON") click.target.blur();
}, true);

find("label").addEventListener("keydown", (key) => {
  if (key.key === "Enter") saveLabel();
  if (key.key === "Escape") closeLabel();
  if (["Enter", "Escape"].includes(key.key)) key.preventDefault();
});

function zoomByWheel(event) {
  event.preventDefault();
  const width = event.currentTarget.clientWidth;
  const seconds = axis.toSeconds(event.offsetX, width);
  axis.zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) / 300), seconds);
}

function dragFrom(down) {
  const canvas = down.currentTarget;
  canvas.setPointerCapture(down.pointerId);
  let last = down.clientX;
  canvas.onpointermove = (move) => {
    axis.move(((last - move.clientX) / canvas.clientWidth) * axis.span);
    last = move.clientX;
  };
  canvas.onpointerup = () => { canvas.onpointermove = null; };
}

find("spectrogram").addEventListener("wheel", zoomByWheel);
find("spectrogram").addEventListener("pointerdown", dragFrom);
find("events").addEventListener("click", (click) => {
  const width = click.currentTarget.clientWidth;
  const item = lanes.find(axis, width, click.offsetX, click.offsetY);
  if (item) select(item);
});
find("all").onclick = ACTIONS[0];
find("play").onclick = () => play(selected);
find("accept").onclick = ACTIONS.a;
find("reject").onclick = ACTIONS.x;
find("relabel").onclick = ACTIONS.r;
find("save").onclick = () => corrections.save(report.saved_as);
find("file").onchange = (change) => player.useFile(change.target.files[0]);
window.addEventListener("resize", redraw);
window.addEventListener("beforeunload", (event) => {
  if (corrections.unsaved) event.preventDefault();
});

find("summary").textContent =
  `${formatTime(axis.duration, 0)}, ${events.length} events`;
for (const label of report.labels) {
  find("labels").append(new Option(label, label));
}
labelFrequencies(find("scale"), report.spectrogram.top);
makeList();
redraw();
