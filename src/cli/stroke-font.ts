// A font of lines, for pictures without a browser. Capitals are 7 units high and small letters 5, of 10 to the size.

type Point = readonly [x: number, y: number];

/**
 * Strokes of each character, apart by bars: points x,y from the left end of the baseline, joined by straight lines, or after ~
 * by a smooth one.
 */
const BOWL = '~4,2.5 3.4,4.3 2,5 .6,4.3 0,2.5 .6,.7 2,0 3.4,.7 4,2.5';
const ARCH = '~0,3.2 .7,4.5 2,5 3.2,4.5 3.7,3 3.7,1.5 3.7,0';
const GLYPHS: Record<string, string> = {
  a: `${BOWL}|4,5 4,0`,
  b: `${BOWL}|0,7.4 0,0`,
  c: '~3.7,4.2 2.1,5 .6,4.3 0,2.5 .6,.7 2.1,0 3.7,.8',
  d: `${BOWL}|4,7.4 4,0`,
  e: '0,2.6 4,2.6|~4,2.6 3.4,4.3 2,5 .6,4.3 0,2.5 .6,.7 2.1,0 3.7,.8',
  f: '~2.6,7.3 1.5,7.1 1,5.8 1,3 1,0|0,4.8 2.4,4.8',
  g: `${BOWL}|4,5 4,1|~4,1 3.9,-.8 3.2,-1.9 2,-2.2 .5,-1.7`,
  h: `0,7.4 0,0|${ARCH}`,
  i: '0,5 0,0|0,6.9 0,7',
  j: '~1,5 1,1 .9,-1 .4,-2 -.5,-2.1|1,6.9 1,7',
  k: '0,7.4 0,0|3.4,5 0,1.9|1.3,3.1 3.6,0',
  l: '0,7.4 0,0',
  m: '0,5 0,0|~0,3.2 .6,4.5 1.7,5 2.7,4.5 3,3 3,1.5 3,0|~3,3.2 3.6,4.5 4.7,5 5.7,4.5 6,3 6,1.5 6,0',
  n: `0,5 0,0|${ARCH}`,
  o: BOWL,
  p: `${BOWL}|0,5 0,-2.2`,
  q: `${BOWL}|4,5 4,-2.2`,
  r: '0,5 0,0|~0,3 .6,4.4 1.6,5 2.5,4.9',
  s: '~3.3,4.2 1.9,5 .6,4.7 .2,3.7 .9,2.9 2.4,2.3 3.3,1.4 2.8,.4 1.6,0 .1,.8',
  t: '~1,6.6 1,3.6 1,1.3 1.5,.1 2.6,.1|0,4.8 2.4,4.8',
  u: '~0,5 0,3.5 0,2 .5,.5 1.7,0 3,.5 3.7,1.8|3.7,5 3.7,0',
  v: '0,5 1.9,0 3.8,5',
  w: '0,5 1.4,0 2.8,4.6 4.2,0 5.6,5',
  x: '0,5 3.6,0|3.6,5 0,0',
  y: '0,5 1.9,.2|3.8,5 1.9,.2 1,-2.1',
  z: '0,5 3.4,5 0,0 3.5,0',
  A: '0,0 2.7,7 5.4,0|1,2.4 4.4,2.4',
  B: '2.4,3.7 0,3.7|2.4,7 0,7 0,0 2.6,0|~2.4,7 3.7,6.5 4,5.3 3.7,4.2 2.4,3.7 4,3.1 4.5,1.9 4,.6 2.6,0',
  C: '~5,5.7 4,6.7 2.8,7 .9,6.1 0,3.5 .9,.9 2.8,0 4,.3 5,1.3',
  D: '2,7 0,7 0,0 2,0|~2,7 4.3,6.1 5.2,3.5 4.3,.9 2,0',
  E: '4.2,7 0,7 0,0 4.2,0|0,3.7 3.7,3.7',
  F: '4.2,7 0,7 0,0|0,3.7 3.7,3.7',
  G: '~5,5.7 4,6.7 2.8,7 .9,6.1 0,3.5 .9,.9 2.8,0 4.2,.4 5.2,1.4|5.2,1.4 5.2,3.3 3.2,3.3',
  H: '0,0 0,7|5,0 5,7|0,3.7 5,3.7',
  I: '0,0 0,7',
  J: '~3,7 3,4 3,1.7 2.4,.3 1.3,0 0,.8',
  K: '0,0 0,7|4.6,7 0,2.5|1.7,4.1 4.8,0',
  L: '0,7 0,0 4,0',
  M: '0,0 0,7 3,1.5 6,7 6,0',
  N: '0,0 0,7 5,0 5,7',
  O: '~2.9,7 .8,6 0,3.5 .8,1 2.9,0 5,1 5.8,3.5 5,6 2.9,7',
  P: '2.6,7 0,7 0,0|2.6,3.2 0,3.2|~2.6,7 4.1,6.4 4.6,5.1 4.1,3.8 2.6,3.2',
  Q: '~2.9,7 .8,6 0,3.5 .8,1 2.9,0 5,1 5.8,3.5 5,6 2.9,7|3.5,1.7 5.6,-.6',
  R: '2.6,7 0,7 0,0|2.6,3.2 0,3.2|~2.6,7 4.1,6.4 4.6,5.1 4.1,3.8 2.6,3.2|2.4,3.2 4.8,0',
  S: '~4.4,6 2.6,7 .8,6.5 .2,5.2 1.1,4.1 3.2,3.2 4.6,2 4.1,.6 2.5,0 .9,.3 0,1.2',
  T: '0,7 5.2,7|2.6,7 2.6,0',
  U: '~0,7 0,4.5 0,2.4 .7,.7 2.5,0 4.3,.7 5,2.4 5,4.5 5,7',
  V: '0,7 2.6,0 5.2,7',
  W: '0,7 1.9,0 3.8,6.6 5.7,0 7.6,7',
  X: '0,7 4.8,0|4.8,7 0,0',
  Y: '0,7 2.5,3.4 5,7|2.5,3.4 2.5,0',
  Z: '0,7 4.6,7 0,0 4.7,0',
  0: '~2.2,7 .6,6 0,3.5 .6,1 2.2,0 3.8,1 4.4,3.5 3.8,6 2.2,7',
  1: '.4,5.6 2.2,7 2.2,0',
  2: '~.2,5.4 .8,6.6 2.2,7 3.7,6.4 4,5.1 3.3,3.6 1.6,1.7 0,0|0,0 4.3,0',
  3: '~.3,6.1 1.1,6.8 2.2,7 3.6,6.4 3.8,5.2 3.1,4.1 1.7,3.8|~1.7,3.8 3.4,3.4 4.2,2 3.5,.6 2.1,0 .9,.2 0,1.1',
  4: '3.2,0 3.2,7 0,2 4.4,2',
  5: '3.9,7 .7,7 .4,3.8|~.4,3.8 1.3,4.4 2.4,4.5 3.8,3.8 4.3,2.3 3.7,.7 2.1,0 .8,.3 0,1.1',
  6: '~3.7,6.4 2.5,7 1,6.2 .2,4.4 0,2.4 .6,.7 2.2,0 3.7,.7 4.3,2.2 3.7,3.7 2.2,4.4 .8,3.8 0,2.4',
  7: '0,7 4.2,7 1.4,0',
  8: '~2.2,3.8 .8,4.3 .4,5.4 .9,6.6 2.2,7 3.5,6.6 4,5.4 3.6,4.3 2.2,3.8|~2.2,3.8 .6,3.2 0,1.9 .6,.6 2.2,0 3.8,.6 4.4,1.9 3.8,3.2 2.2,3.8',
  9: '~.6,.6 1.8,0 3.3,.8 4.1,2.6 4.3,4.6 3.7,6.3 2.1,7 .6,6.3 0,4.8 .6,3.3 2.1,2.6 3.5,3.2 4.3,4.6',
  '.': '.3,0 .3,.1',
  ',': '.5,.1 .1,-1.2',
  ':': '.3,.3 .3,.4|.3,4.3 .3,4.4',
  '-': '0,2.8 2.6,2.8',
  '+': '0,2.8 4,2.8|2,.8 2,4.8',
  '=': '0,3.8 4,3.8|0,1.8 4,1.8',
  '/': '0,-.8 2.8,7.6',
  '(': '~1.4,8 .4,6 0,3.3 .4,.6 1.4,-1.4',
  ')': '~0,8 1,6 1.4,3.3 1,.6 0,-1.4',
  '²': '~0,7.2 .5,7.9 1.3,8.1 2.1,7.7 2.1,6.9 1.2,5.7 0,4.5|0,4.5 2.3,4.5',
  '⁴': '1.8,4.3 1.8,8.1 0,5.4 2.5,5.4',
  ' ': '',
};

const SPACE = 2.6;
/** Between characters. */
const GAP = 1.75;
/** Straight pieces of a smooth line from one point to the next. */
const PIECES = 5;

/** A smooth line through points (Catmull and Rom), closed where it ends as it begins. */
function smooth(points: Point[]): Point[] {
  const n = points.length;
  const closed = points[0][0] === points[n - 1][0] && points[0][1] === points[n - 1][1];
  const at = (i: number): Point => {
    if (i < 0) return closed ? points[n - 2] : points[0];
    return i < n ? points[i] : closed ? points[1] : points[n - 1];
  };
  const line: Point[] = [points[0]];
  for (let i = 0; i + 1 < n; i++) {
    const [before, from, to, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let k = 1; k <= PIECES; k++) {
      const t = k / PIECES;
      const weights = [-t + 2 * t * t - t ** 3, 2 - 5 * t * t + 3 * t ** 3, t + 4 * t * t - 3 * t ** 3, t ** 3 - t * t];
      const mean = (axis: 0 | 1) =>
        [before, from, to, after].reduce((sum, point, j) => sum + (weights[j] / 2) * point[axis], 0);
      line.push([mean(0), mean(1)]);
    }
  }
  return line;
}

interface Glyph {
  strokes: Point[][];
  width: number;
}

const made = new Map<string, Glyph>();

/** Throws a RangeError for a character that the font has not. */
function glyph(character: string): Glyph {
  const known = made.get(character);
  if (known) return known;
  const text = GLYPHS[character];
  if (text === undefined) throw new RangeError(`stroke font: there is no character ${JSON.stringify(character)}`);
  const strokes = text
    .split('|')
    .filter(Boolean)
    .map((stroke) => {
      const points = stroke.replace('~', '').split(' ');
      const places = points.map((point) => point.split(',').map(Number) as unknown as Point);
      return stroke.startsWith('~') ? smooth(places) : places;
    });
  const width = Math.max(0, ...strokes.flat().map(([x]) => x));
  const result = { strokes, width: character === ' ' ? SPACE : width };
  made.set(character, result);
  return result;
}

/** The lines of a text of a size, from the left end of its baseline, upwards. */
export function strokesOf(text: string, size: number): Point[][] {
  let left = 0;
  return [...text].flatMap((character) => {
    const { strokes, width } = glyph(character);
    const start = left;
    left += width + GAP;
    return strokes.map((stroke) => stroke.map(([x, y]): Point => [((start + x) * size) / 10, (y * size) / 10]));
  });
}

export const widthOf = (text: string, size: number): number =>
  ([...text].reduce((sum, character) => sum + glyph(character).width + GAP, -GAP) * size) / 10;
