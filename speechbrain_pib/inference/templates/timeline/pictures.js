// Pictures of grey levels, decoded when they are shown, in colours.
const STOPS = [ // of matplotlib's magma
  [0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122],
  [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191],
];

function makePalette(lowest, highest) {
  return Array.from({ length: 256 }, (_, level) => {
    const share = (level - lowest) / Math.max(highest - lowest, 1);
    const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
    const left = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[left].map(
      (value, i) => value + (place - left) * (STOPS[left + 1][i] - value),
    );
  });
}

async function decodePicture(base64, palette) {
  const image = new Image();
  image.src = "data:image/webp;base64," + base64;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    pixels.data.set(palette[pixels.data[i]], i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

// Draws columns of a picture between two times; only what is to be seen.
function drawColumns(target, axis, picture, columns, times) {
  const { context, width, height } = target;
  const perColumn = (times[1] - times[0]) / (columns[1] - columns[0]);
  const clip = (seconds) => (seconds - times[0]) / perColumn + columns[0];
  const first = Math.max(columns[0], clip(axis.start));
  const last = Math.min(columns[1], clip(axis.stop));
  if (!(last > first)) return;
  const pixel = (column) =>
    axis.toPixel(times[0] + (column - columns[0]) * perColumn, width);
  context.imageSmoothingEnabled = (axis.span / width) > perColumn;
  context.drawImage(
    picture, first, 0, last - first, picture.height,
    pixel(first), 0, pixel(last) - pixel(first) + 0.5, height,
  );
}

// The tiles of the spectrogram: those in view at the scale that suits it.
class Tiles {
  constructor(info, limits, loaded) {
    this.info = info;
    this.palette = makePalette(...limits);
    this.loaded = loaded;
    this.cache = new Map();
  }

  scaleFor(secondsPerPixel) {
    const columns = secondsPerPixel / this.info.seconds_per_column;
    const scale = Math.ceil(Math.log(columns / 4) / Math.log(this.info.factor));
    return Math.min(Math.max(scale, 0), this.info.columns.length - 1);
  }

  find(scale, index) {
    const key = `tile-${scale}-${index}`;
    const found = this.cache.get(key);
    this.cache.delete(key); // the last one used is the last one dropped
    this.cache.set(key, found === undefined ? null : found);
    if (found === undefined) {
      const text = document.getElementById(key).textContent;
      decodePicture(text, this.palette).then((picture) => {
        this.cache.set(key, picture);
        if (this.cache.size > 64) {
          this.cache.delete(this.cache.keys().next().value);
        }
        this.loaded();
      });
    }
    return found;
  }

  draw(canvas, axis) {
    const target = prepare(canvas);
    const { seconds_per_column, factor, columns, tile_columns } = this.info;
    const scale = this.scaleFor(axis.span / target.width);
    const perColumn = seconds_per_column * factor ** scale;
    const perTile = perColumn * tile_columns;
    const count = Math.ceil(columns[scale] / tile_columns);
    // The first column is centred on the beginning.
    const origin = -seconds_per_column / 2;
    const first = Math.max(Math.floor((axis.start - origin) / perTile), 0);
    const last = Math.min(Math.floor((axis.stop - origin) / perTile), count - 1);
    for (let index = first; index <= last; index += 1) {
      const picture = this.find(scale, index);
      if (!picture) continue;
      const start = origin + index * perTile;
      const times = [start, start + picture.width * perColumn];
      drawColumns(target, axis, picture, [0, picture.width], times);
    }
    return target;
  }
}

// Frequencies beside the spectrogram, whose bands are equal on HTK's mel scale.
function labelFrequencies(element, top) {
  const mel = (hertz) => Math.log10(1 + hertz / 700);
  for (const kilo of [0.5, 1, 2, 4, 8, 16]) {
    if (kilo * 1000 > 0.95 * top) break;
    const span = document.createElement("span");
    span.textContent = `${kilo} kHz`;
    span.style.top = `${100 * (1 - mel(kilo * 1000) / mel(top))}%`;
    element.append(span);
  }
}
