// The part of the recording that is shown, and pixels of it.
class Axis {
  constructor(duration, changed) {
    this.duration = duration;
    this.changed = changed;
    this.start = 0;
    this.stop = duration;
  }

  get span() {
    return this.stop - this.start;
  }

  toPixel(seconds, width) {
    return ((seconds - this.start) / this.span) * width;
  }

  toSeconds(pixel, width) {
    return this.start + (pixel / width) * this.span;
  }

  show(start, stop) {
    const span = Math.min(Math.max(stop - start, 0.05), this.duration);
    this.start = Math.min(Math.max(start, 0), this.duration - span);
    this.stop = this.start + span;
    this.changed();
  }

  // What was at `seconds` stays where it is.
  zoom(factor, seconds) {
    const span = Math.min(Math.max(this.span * factor, 0.05), this.duration);
    const start = seconds - ((seconds - this.start) / this.span) * span;
    this.show(start, start + span);
  }

  move(seconds) {
    this.show(this.start + seconds, this.start + seconds + this.span);
  }

  reveal(start, stop) {
    if (start < this.start || stop > this.stop) {
      const span = Math.max(this.span, 1.5 * (stop - start));
      const first = (start + stop - span) / 2;
      this.show(first, first + span);
    }
  }
}

// Sizes a canvas to its place on the screen, empty.
function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

function formatTime(seconds, digits = 3) {
  const unit = 10 ** digits;
  const total = Math.round(seconds * unit);
  const whole = Math.floor(total / unit);
  const parts = [whole / 3600, (whole / 60) % 60, whole % 60];
  const text = parts.map((n) => String(Math.floor(n)).padStart(2, "0"));
  const rest = String(total % unit).padStart(digits, "0");
  return text.join(":") + (digits ? "." + rest : "");
}

function drawClock(canvas, axis) {
  const { context, width } = prepare(canvas);
  const steps = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
    60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
  ];
  const wanted = (axis.span / width) * 100;
  const step = steps.find((s) => s >= wanted) || 28800;
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = "#555";
  for (let n = Math.ceil(axis.start / step); n * step <= axis.stop; n += 1) {
    const x = axis.toPixel(n * step, width);
    context.fillRect(Math.round(x), 0, 1, 4);
    context.fillText(formatTime(n * step, digits), x + 3, 13);
  }
}
