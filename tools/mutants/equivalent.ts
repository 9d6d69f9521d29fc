// Mutants that no input can tell from the code as it is, each with the reason; they are not counted.
import type { Mutant } from './mutant.ts';

export interface Equivalent {
  /** The mutant's file, `*` for any. */
  file: string;
  /** The line as it is and as it becomes: where the code has changed, the entry finds no mutant, which is an error. */
  text: string;
  mutated: string;
  /** The function, where only that of several with this line is meant. */
  part?: string;
  /** Which of several such lines of the function, from 0, where only that is meant. */
  at?: number;
  why: string;
}

/** The ways in which one line may become another that does the same. */
const same = (why: string, file: string, text: string, ...mutated: string[]): Equivalent[] =>
  mutated.map((line) => ({ file, text, mutated: line, why }));

/** Of a tree sum in workgroup memory: the value that is used comes out right unless threads run in another order. */
const RACE = 'a race: the result is right on adapters that run the first threads first, whatever the inputs are';
const AGAIN = 'threads past the end work on the last item again, and write what is there';
const UNUSED = 'what is read past the end is not written';
const SCRATCH = "groups past the end write behind the last partial, where memory is nobody's";
const EMPTY = 'a turn more, over nothing';
const SLOWER = 'the general case holds for the special one too';
const PARTS = 'the same sum, in other parts';
const QUIET = 'they differ for one NaN, 0x7f800001, which no operation makes';
const FAULT = 'the fault makes the next read an error, whatever lies there';

export const equivalents: Equivalent[] = [
  ...same(RACE, '*', 'if (thread < width) {', 'if (true) {', 'if (thread <= width) {'),
  ...same(RACE, '*', 'if (thread == 0u) {', 'if (true) {', 'if (thread != 0u) {', 'if (thread == 1u) {'),
  ...same(RACE, 'crossEntropyRows.wgsl', 'if (thread > 0u) {', 'if (false) {', 'if (thread > 1u) {'),

  ...same('w is zeros then, and no v is less', 'adam.wgsl', 'if (AMSGRAD) {', 'if (true) {'),
  ...same(
    'the first threads of a row do the work of the others, or do it twice',
    'avgPool2d.wgsl',
    'for (var column = first; column < min(first + 4u, outSize.y); column++) {',
    'for (var column = first; column < min(first - 4u, outSize.y); column++) {',
    'for (var column = first; column < min(first + 5u, outSize.y); column++) {',
  ),
  ...same(
    EMPTY,
    'avgPool2d.wgsl',
    'for (var block = held.first.y; block < held.end.y; block += BLOCK) {',
    'for (var block = held.first.y; block <= held.end.y; block += BLOCK) {',
  ),
  ...same(SCRATCH, 'batchNormGradSums.wgsl', 'if (c >= params.C) {', 'if (false) {', 'if (c > params.C) {'),
  ...same(SCRATCH, 'batchNormStats.wgsl', 'if (c >= params.C) {', 'if (false) {', 'if (c > params.C) {'),
  ...same(
    'threads without elements come last, and only meet those of one element or none',
    'batchNormStats.wgsl',
    'if (n == 0.0) {',
    'if (n == 1.0) {',
  ),
  ...same(
    'they differ for a ratio of 1 only, where both give 1',
    'clipGradNorm.wgsl',
    'g[i] *= select(ratio, 1.0, ratio > 1.0);',
    'g[i] *= select(ratio, 1.0, ratio >= 1.0);',
  ),
  ...same(
    'threads past the end clip the last elements twice, which is to clip them once',
    'clipGradValue.wgsl',
    'if (i * 4u >= params.n) {',
    'if (false) {',
    'if (i / 4u >= params.n) {',
    'if (i * 4u > params.n) {',
  ),
  ...same(
    QUIET,
    'clipGradValue.wgsl',
    'let isNan = (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);',
    'let isNan = (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800001u);',
  ),
  ...same(
    QUIET,
    '*',
    'return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;',
    'return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800001u;',
  ),
  ...same(SLOWER, 'conv2d.wgsl', 'if (UNIT) {', 'if (false) {'),
  ...same(SLOWER, 'conv2d.wgsl', 'if (TILE == 8u) {', 'if (true) {'),
  ...same(
    'either lies outside',
    'conv2d.wgsl',
    'return select(vec4<u32>(0xffffffffu), at / stride, at % stride == vec4<u32>());',
    'return select(vec4<u32>(0xfffffffeu), at / stride, at % stride == vec4<u32>());',
  ),
  ...same(
    UNUSED,
    'conv2d.wgsl',
    'let at = min(positions, vec4<u32>(params.positions - 1u));',
    'let at = min(positions, vec4<u32>(params.positions + 1u));',
  ),
  ...same(UNUSED, 'conv2d.wgsl', 'let last = params.O - 1u;', 'let last = params.O + 1u;'),
  ...same(
    PARTS,
    'conv2d.wgsl',
    'if (BLOCKED && i % params.blockI == params.blockI - 1u) {',
    'if (true) {',
    'if (BLOCKED || i % params.blockI == params.blockI - 1u) {',
    'if (BLOCKED && i % params.blockI != params.blockI - 1u) {',
    'if (BLOCKED && i % params.blockI == params.blockI - 2u) {',
  ),
  ...same(
    AGAIN,
    'conv2d.wgsl',
    'if (positions[n % 4u] < params.positions) {',
    'if (true) {',
    'if (positions[n % 4u] <= params.positions) {',
  ),
  ...['conv2dRows.wgsl', 'conv2dWeightGradRows.wgsl'].flatMap((file) =>
    same(
      'what lies outside is read, and not used',
      file,
      'return select(0.0, x[select(0u, line + column, inside)], inside);',
      'return select(0.0, x[select(1u, line + column, inside)], inside);',
    ),
  ),
  ...same(UNUSED, 'conv2dRows.wgsl', 'let last = params.O - 1u;', 'let last = params.O + 1u;'),
  ...same(SLOWER, 'conv2dRows.wgsl', 'if (!UNIT) {', 'if (true) {'),
  ...same(SLOWER, 'conv2dRows.wgsl', 'if (TILE == 8u) {', 'if (true) {'),
  ...same(
    'either lies outside',
    'conv2dRows.wgsl',
    'y = select(0xffffffffu, y / params.strideH, y % params.strideH == 0u);',
    'y = select(0xfffffffeu, y / params.strideH, y % params.strideH == 0u);',
  ),
  ...same(
    'it leaves the window before the first use',
    'conv2dRows.wgsl',
    '0.0, load(line, first, width), load(line, first + 1u, width), load(line, first + 2u, width));',
    '1.0, load(line, first, width), load(line, first + 1u, width), load(line, first + 2u, width));',
  ),
  ...same(
    UNUSED,
    'conv2dWeightGrad.wgsl',
    'let item = min(t, vec4<u32>(params.items - 1u));',
    'let item = min(t, vec4<u32>(params.items + 1u));',
  ),
  ...same(
    'the first segment of a row takes all of it, and the others nothing',
    'conv2dWeightGrad.wgsl',
    'let stop = min(start + params.segmentW, params.outW);',
    'let stop = min(start - params.segmentW, params.outW);',
  ),
  ...same(
    'the first segment of a row takes all of it, and the others nothing',
    'conv2dWeightGradRows.wgsl',
    'let right = min(left + params.segmentW, params.outW);',
    'let right = min(left - params.segmentW, params.outW);',
  ),
  ...same(
    UNUSED,
    'conv2dWeightGradRows.wgsl',
    'let valid = min(item, params.items - 1u);',
    'let valid = min(item, params.items + 1u);',
  ),
  ...same(
    'it leaves the window before the first use',
    'conv2dWeightGradRows.wgsl',
    'var low = vec4<f32>(0.0, load(line, begin, width), load(line, begin + 1u, width), load(line, begin + 2u, width));',
    'var low = vec4<f32>(1.0, load(line, begin, width), load(line, begin + 1u, width), load(line, begin + 2u, width));',
  ),
  ...same(SLOWER, 'conv2dWeightGradRows.wgsl', 'if (WIDE) {', 'if (true) {'),
  ...[...'01234567'].flatMap((i) =>
    same(
      SLOWER,
      'conv2dWeightGradRows.wgsl',
      `if (WIDE) { d${i} += g${i} * high; }`,
      `if (true) { d${i} += g${i} * high; }`,
    ),
  ),
  ...same(SLOWER, 'conv2dWeightGradRows.wgsl', 'if (TILE == 8u) {', 'if (true) {'),
  ...same(
    AGAIN,
    'conv2dWeightGradRows.wgsl',
    'if (item >= params.items) {',
    'if (false) {',
    'if (item > params.items) {',
  ),
  ...same(
    'any number below 0 says that there is none',
    'copy.wgsl',
    'case PLACE: { return select(-1, t / step, t % step == 0); }',
    'case PLACE: { return select(-2, t / step, t % step == 0); }',
  ),
  {
    file: 'crossEntropyRows.wgsl',
    text: 'for (var width = WG / 2u; width > 0u; width /= 2u) {',
    mutated: 'for (var width = WG * 2u; width > 0u; width /= 2u) {',
    at: 0,
    why: 'of a maximum: the first turn compares the last value with itself',
  },
  ...same(
    EMPTY,
    'crossEntropyRows.wgsl',
    'for (var first = thread; first < params.classes; first += WG * BLOCK) {',
    'for (var first = thread; first <= params.classes; first += WG * BLOCK) {',
  ),
  ...same(FAULT, 'crossEntropyRows.wgsl', 'value = nan();', ';'),
  ...same(
    'they differ for one word in 2^32',
    'dropout.wgsl',
    'out[quad] = select(x[quad] * params.scale, vec4<f32>(), words < vec4<u32>(params.threshold));',
    'out[quad] = select(x[quad] * params.scale, vec4<f32>(), words <= vec4<u32>(params.threshold));',
  ),
  ...same(
    'dims beyond the first take what is left, which is nothing',
    'elementwise.wgsl',
    'for (var d = 0u; d < RANK - 1u; d++) {',
    'for (var d = 0u; d <= RANK - 1u; d++) {',
    'for (var d = 0u; d < RANK + 1u; d++) {',
  ),
  ...same(
    'dims beyond the first take what is left, which is nothing',
    'gather.wgsl',
    'for (var d = 0u; d < RANK; d++) {',
    'for (var d = 0u; d <= RANK; d++) {',
  ),
  ...same(FAULT, 'gather.wgsl', 'out[at] = params.bad;', ';'),

  ...same(
    'they differ for x = 0 only, where both give 0',
    'relu',
    'return OUT(select(x, 0.0, x <= 0.0));',
    'return OUT(select(x, 0.0, x < 0.0));',
  ),
];

const matches = (entry: Equivalent, { file, part, text, mutated, key }: Mutant) =>
  (entry.file === '*' || entry.file === file) &&
  (entry.part === undefined || entry.part === part) &&
  (entry.at === undefined || key.endsWith(`|${entry.at}`)) &&
  entry.text === text &&
  entry.mutated === mutated;

/** Which mutants are listed, and the entries that none is: code that has changed since. */
export function listed(mutants: Mutant[], entries = equivalents): { equal: Set<Mutant>; stale: Equivalent[] } {
  const stale = entries.filter((entry) => !mutants.some((mutant) => matches(entry, mutant)));
  return { equal: new Set(mutants.filter((mutant) => entries.some((entry) => matches(entry, mutant)))), stale };
}
