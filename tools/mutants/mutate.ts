// The mutation operators: every way in which one place of a WGSL text is altered.
import { closing, find, type Part, partsOf, type Token, tokenize } from './wgsl.ts';

/** One alteration: the characters `start` to `end - 1` become `after`. */
export interface Change {
  /** What is done, in words. */
  operator: string;
  /** The function, or the module-scope value, that it lies in. */
  part: string;
  start: number;
  end: number;
  before: string;
  after: string;
}

type Swaps = [operator: string, to: Record<string, string[]>];

const SWAPS: Swaps[] = [
  ['arithmetic', { '+': ['-'], '-': ['+'], '*': ['/'], '/': ['*'], '%': ['*', '/'] }],
  ['assignment', { '+=': ['-=', '='], '-=': ['+=', '='], '*=': ['/=', '='], '/=': ['*=', '='], '%=': ['/=', '='] }],
  ['assignment', { '&=': ['|=', '='], '|=': ['&=', '='], '^=': ['&=', '='], '<<=': ['>>='], '>>=': ['<<='] }],
  ['comparison', { '<': ['<='], '<=': ['<'], '>': ['>='], '>=': ['>'], '==': ['!='], '!=': ['=='] }],
  ['logic', { '&&': ['||'], '||': ['&&'] }],
  ['bits', { '<<': ['>>'], '>>': ['<<'], '&': ['|'], '|': ['&'], '^': ['&'] }],
  ['step', { '++': ['--'], '--': ['++'] }],
];
/** Each is there wherever the one that is written is: z of a vector with only three components becomes y, not w. */
const COMPONENTS: Record<string, string> = { x: 'y', y: 'x', z: 'y', w: 'z' };
const EXTREMES: Record<string, string> = { min: 'max', max: 'min' };
/** Words that begin statements other than assignments, steps and calls. */
const KEYWORDS = new Set(
  'let var const return if else for while loop switch case default break continue discard continuing const_assert _'.split(
    ' ',
  ),
);
/** Words after which an operand begins, so that a sign there is a unary one. */
const BEFORE_OPERAND = new Set(['return', 'case', 'if', 'while', 'switch']);

/** All alterations of the functions and values of a text, by place. */
export function changesOf(text: string): Change[] {
  const tokens = tokenize(text);
  return partsOf(tokens)
    .flatMap((part) => {
      const all = [
        ...marks(tokens, part),
        ...indices(tokens, part),
        ...words(tokens, part),
        ...(part.kind === 'fn' ? whole(tokens, part) : []),
      ];
      return all.map(([operator, from, to, after]) => {
        const start = tokens[from].at;
        const end = tokens[to].at + tokens[to].text.length;
        return { operator, part: part.name, start, end, before: text.slice(start, end), after: after(text) };
      });
    })
    .filter(({ before, after }) => before !== after)
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

/** Operator, first and last token of what is replaced, and the replacement. */
type Draft = [operator: string, from: number, to: number, after: (text: string) => string];

const span = (tokens: Token[], from: number, to: number) => (text: string) =>
  from > to ? '' : text.slice(tokens[from].at, tokens[to].at + tokens[to].text.length);

/** Whether an operand ends with this token, so that a sign behind it is a binary one. */
const endsOperand = ({ kind, text }: Token) =>
  kind === 'mark' ? text === ')' || text === ']' : !BEFORE_OPERAND.has(text);

/** Operators and signs. */
function* marks(tokens: Token[], { from, to }: Part): Generator<Draft> {
  const steps = loopSteps(tokens, from, to);
  for (let i = from; i < to; i++) {
    const { kind, text } = tokens[i];
    if (kind !== 'mark') continue;
    const binary = i > from && endsOperand(tokens[i - 1]);
    if ((text === '-' || text === '!' || text === '~') && !binary) {
      yield ['sign', i, i, () => ''];
      continue;
    }
    if ((text === '*' || text === '&') && !binary) continue; // a pointer
    for (const [operator, swaps] of SWAPS) {
      for (const other of swaps[text] ?? []) {
        // A loop that does not step, or steps back, does not end, whatever the cases are.
        if (!steps.has(i) || (other !== '=' && operator !== 'step')) yield [operator, i, i, () => other];
      }
    }
  }
}

/** Indices of the tokens of the third clauses of for loops. */
function loopSteps(tokens: Token[], from: number, to: number): Set<number> {
  const found = new Set<number>();
  for (let i = from; i < to; i++) {
    if (tokens[i].text !== 'for') continue;
    const end = closing(tokens, i + 1);
    const step = find(tokens, ';', find(tokens, ';', i + 2) + 1) + 1;
    for (let k = step; k < end; k++) found.add(k);
  }
  return found;
}

/** Indices: the next one, where it is not a number, which becomes another anyway. */
function* indices(tokens: Token[], { from, to }: Part): Generator<Draft> {
  for (let i = from + 1; i < to; i++) {
    if (tokens[i].text !== '[' || !endsOperand(tokens[i - 1])) continue;
    const last = closing(tokens, i) - 1;
    if (last === i + 1 && tokens[last].kind === 'number') continue;
    const index = span(tokens, i + 1, last);
    yield ['index', i + 1, last, (text) => (last === i + 1 ? `${index(text)} + 1` : `(${index(text)}) + 1`)];
  }
}

/** Numbers, components, min and max, and what select selects. */
function* words(tokens: Token[], { from, to }: Part): Generator<Draft> {
  for (let i = from; i < to; i++) {
    const { kind, text } = tokens[i];
    const isCall = kind === 'name' && tokens[i + 1]?.text === '(';
    if (kind === 'number') {
      const [operator, after] = otherNumber(text);
      yield [operator, i, i, () => after];
    } else if (tokens[i - 1]?.text === '.' && /^[xyzw]{1,4}$/.test(text)) {
      const other = text.length === 1 ? COMPONENTS[text] : text[1] + text[0] + text.slice(2);
      yield ['component', i, i, () => other];
    } else if (isCall && text in EXTREMES) {
      yield ['extreme', i, i, () => EXTREMES[text]];
    } else if (isCall && text === 'select') {
      const end = closing(tokens, i + 1);
      const second = find(tokens, ',', i + 2) + 1;
      const third = find(tokens, ',', second) + 1;
      if (third >= end) continue;
      const [no, yes] = [span(tokens, i + 2, second - 2), span(tokens, second, third - 2)];
      yield ['select', i + 2, third - 2, (whole) => `${yes(whole)}, ${no(whole)}`];
    }
  }
}

/** The next whole number, the one before where there is none; twice the fraction, 1 for 0. */
function otherNumber(text: string): [operator: string, after: string] {
  const [, digits, suffix] = /^(0[xX][\da-fA-F]+|.*?)([iufh]?)$/.exec(text)!;
  if (/^(0[xX][\da-fA-F]+|\d+)$/.test(digits) && suffix !== 'f' && suffix !== 'h') {
    const value = BigInt(digits);
    const last = value === (suffix === 'u' || digits.length > 9 ? 0xffffffffn : 0x7fffffffn);
    const next = last ? value - 1n : value + 1n;
    return ['integer', (/^0x/i.test(digits) ? `0x${next.toString(16)}` : String(next)) + suffix];
  }
  const value = Number(digits);
  const other = value === 0 ? 1 : Math.abs(value) > 1e37 ? value / 2 : 2 * value;
  const written = String(other);
  return ['fraction', (/[.e]/.test(written) || suffix !== '' ? written : `${written}.0`) + suffix];
}

/** Conditions that always or never hold, and statements left out. */
function* whole(tokens: Token[], { from, to }: Part): Generator<Draft> {
  for (let i = from; i < to; i++) {
    const { text } = tokens[i];
    if (text === 'for') {
      i = closing(tokens, i + 1);
    } else if (text === 'if' && tokens[i + 1].text === '(') {
      const end = closing(tokens, i + 1);
      yield ['condition', i + 2, end - 1, () => 'true'];
      yield ['condition', i + 2, end - 1, () => 'false'];
      i = end;
    } else if (i === from || [';', '{', '}'].includes(tokens[i - 1].text)) {
      if (['{', '}', ';'].includes(text) || KEYWORDS.has(text)) continue;
      const end = find(tokens, ';', i);
      yield [text.endsWith('Barrier') ? 'barrier' : 'statement', i, end - 1, () => ''];
      i = end;
    }
  }
}
