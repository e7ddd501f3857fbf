/** Rows of pictures that keep their shapes: every row is as wide as the page. */

const NARROWEST = 0.4;
const WIDEST = 3.5;

/** Return width / height of a picture as it is shown: what is extreme is cropped. */
export const shapeOf = ({ width, height }) => Math.min(Math.max(width / height || 1, NARROWEST), WIDEST);

/**
 * Return the sizes of pictures in rows of `width` pixels, each {width, height, row, middle} in whole pixels.
 *
 * A row is at most `height` high. The last one, if it is not full, is left out unless `whole`: with what
 * comes next it will look otherwise, and nothing that is drawn moves.
 */
export function layOut(shapes, { width, height, gap, whole }) {
  const places = [];
  let row = [];
  let sum = 0;
  let rows = 0;
  const close = (high) => {
    places.push(...placed(row, Math.floor(high), { width, gap, row: rows, fill: high < height }));
    [row, sum, rows] = [[], 0, rows + 1];
  };
  for (const shape of shapes) {
    row.push(shape);
    sum += shape;
    const room = width - gap * (row.length - 1);
    if (sum * height >= room) close(Math.min(room / sum, height - 1));
  }
  if (whole && row.length) close(height);
  return places;
}

function placed(shapes, height, { width, gap, row, fill }) {
  const widths = shapes.map((shape) => Math.floor(shape * height));
  const used = widths.reduce((sum, each) => sum + each, gap * (shapes.length - 1));
  // What rounding left over is spread, so that rows end at the same pixel.
  for (let left = fill ? width - used : 0, place = 0; left > 0; left -= 1, place += 1)
    widths[place % widths.length] += 1;
  let from = 0;
  return widths.map((each) => {
    const middle = from + each / 2;
    from += each + gap;
    return { width: Math.min(each, width), height, row, middle };
  });
}
