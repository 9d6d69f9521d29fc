// Reads WGSL as far as mutation needs it: tokens, and the parts of a text whose tokens may be altered.

/** `type` is a name with its template list, such as `vec4<f32>` or `array<f32, WG>`: one token, never altered. */
export type Kind = 'name' | 'number' | 'type' | 'mark';

export interface Token {
  kind: Kind;
  text: string;
  /** Where it begins in the text. */
  at: number;
}

/** A function's body, or the initial value of a module-scope `const` or `var`. Tokens `from` to `to - 1`. */
export interface Part {
  name: string;
  kind: 'fn' | 'value';
  from: number;
  to: number;
}

/** Names that a template list may follow; elsewhere `<` compares. */
const TEMPLATES = /^(vec[234]|mat[234]x[234]|array|ptr|atomic|bitcast|var|texture_\w+)$/;
const BLANK = /(?:\s+|\/\/[^\n]*)+/y;
const NAME = /[A-Za-z_]\w*/y;
const NUMBER = /0[xX][\da-fA-F]+[iu]?|(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fh]?|\d+[eE][+-]?\d+[fh]?|\d+[iufh]?/y;
const MARK = /<<=|>>=|->|&&|\|\||\+\+|--|[-+*/%&|^=!<>]=|<<|>>|./y;

/** The tokens of a text without comments and attributes. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found) at += found.length;
    return found;
  };
  while (at < text.length) {
    if (take(BLANK)) continue;
    if (text.startsWith('/*', at)) {
      at = pastComment(text, at);
      continue;
    }
    if (text[at] === '@') {
      at++;
      take(NAME);
      if (text[at] === '(') at = pastPair(text, at, '(', ')');
      continue;
    }
    const start = at;
    const name = take(NAME);
    if (name) {
      const isTemplate = TEMPLATES.test(name) && text[at] === '<';
      if (isTemplate) at = pastPair(text, at, '<', '>');
      tokens.push({ kind: isTemplate ? 'type' : 'name', text: text.slice(start, at), at: start });
      continue;
    }
    const number = take(NUMBER);
    if (number) tokens.push({ kind: 'number', text: number, at: start });
    else tokens.push({ kind: 'mark', text: take(MARK)!, at: start });
  }
  return tokens;
}

/** The place behind a block comment; they nest. */
function pastComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const two = text.slice(at, at + 2);
    if (two === '/*') depth++;
    if (two === '*/') depth--;
    at += two === '/*' || two === '*/' ? 2 : 1;
    if (depth === 0) return at;
  }
  return text.length;
}

function pastPair(text: string, start: number, open: string, close: string): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === open) depth++;
    if (text[at] === close && --depth === 0) return at + 1;
  }
  return text.length;
}

const CLOSING: Record<string, string> = { '(': ')', '[': ']', '{': '}' };

/** The index of the token that closes the bracket at index `open`. */
export function closing(tokens: Token[], open: number): number {
  const [opens, closes] = [tokens[open].text, CLOSING[tokens[open].text]];
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    if (tokens[i].text === opens) depth++;
    if (tokens[i].text === closes && --depth === 0) return i;
  }
  return tokens.length;
}

/** The index of the first token with this text from `from` on, brackets and what is in them left out. */
export function find(tokens: Token[], text: string, from: number): number {
  let i = from;
  while (i < tokens.length && tokens[i].text !== text) i = tokens[i].text in CLOSING ? closing(tokens, i) + 1 : i + 1;
  return i;
}

/** A tunable that a plan puts in front of a shader: a lone whole number or bool. */
const isTunable = (value: Token[]) => value.length === 1 && /^(\d+u?|true|false)$/.test(value[0].text);

/**
 * Functions and initial values at module scope, in order. Structs, bindings, aliases and overrides are none, and nor
 * are tunables, the `const` lines that a plan writes.
 */
export function partsOf(tokens: Token[]): Part[] {
  const parts: Part[] = [];
  let i = 0;
  while (i < tokens.length) {
    const { text } = tokens[i];
    if (text === 'fn') {
      const body = find(tokens, '{', i);
      const end = closing(tokens, body);
      parts.push({ name: tokens[i + 1].text, kind: 'fn', from: body + 1, to: end });
      i = end + 1;
    } else if (text === 'struct') {
      i = closing(tokens, find(tokens, '{', i)) + 1;
    } else {
      const end = find(tokens, ';', i);
      const value = find(tokens, '=', i) + 1;
      const keeps = text === 'const' || text.startsWith('var<private>');
      if (keeps && value < end && !(text === 'const' && isTunable(tokens.slice(value, end)))) {
        parts.push({ name: tokens[i + 1].text, kind: 'value', from: value, to: end });
      }
      i = end + 1;
    }
  }
  return parts;
}

/** The names of the parts that `main` reaches, itself among them: the others are there for other kernels. */
export function reachable(text: string): Set<string> {
  const tokens = tokenize(text);
  const parts = new Map(partsOf(tokens).map((part) => [part.name, part]));
  const found = new Set<string>();
  const visit = (name: string): void => {
    const part = parts.get(name);
    if (!part || found.has(name)) return;
    found.add(name);
    for (let i = part.from; i < part.to; i++) visit(tokens[i].text);
  };
  visit('main');
  return found;
}
