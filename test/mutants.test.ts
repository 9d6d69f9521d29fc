// The mutation tool: what it alters, what it calls it, and that cases which are too few let mutants live.
import { type Case, cases } from 'downhill/check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bench, type Run } from '../tools/mutants/bench.ts';
import { listed, parseEquivalents } from '../tools/mutants/equivalent.ts';
import { altered, type Mutant, mutantsOf } from '../tools/mutants/mutant.ts';
import { changesOf } from '../tools/mutants/mutate.ts';
import { score } from '../tools/mutants/report.ts';
import { partsOf, tokenize } from '../tools/mutants/wgsl.ts';

/** The changes of a function's body, as `before -> after`. */
const changes = (body: string) => changesOf(`fn f() {${body}}`).map(({ before, after }) => `${before} -> ${after}`);

/** Without those that drop a statement, which most bodies have. */
const inside = (body: string) => changes(body).filter((change) => !change.endsWith('-> '));

describe('reading WGSL', () => {
  test('tokens, without comments and attributes; a template list belongs to its name', () => {
    const text = '/* a /* b */ c */ @group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // d\na<b>>=0x1Fu';
    expect(tokenize(text).map((token) => token.text)).toEqual([
      ...['var<storage, read>', 'x', ':', 'array<vec4<f32>>', ';'],
      ...['a', '<', 'b', '>>=', '0x1Fu'],
    ]);
  });

  test('parts: functions, and values that are no tunables', () => {
    const text = `const WG = 64u;
const HALF = 0.5;
var<private> seed: u32 = 7u;
var<workgroup> lane: array<f32, 8 * 8>;
struct Params { n: u32, m: array<u32, 4 + 4> }
alias T = f32;
override k: u32 = 3u;
@compute @workgroup_size(4 + 4) fn main(@builtin(local_invocation_index) i: u32) -> u32 { return i + 1u; }`;
    expect(partsOf(tokenize(text)).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      ...['value HALF', 'value seed', 'fn main'],
    ]);
    expect(changesOf(text).map(({ before, after }) => `${before} -> ${after}`)).toEqual([
      ...['0.5 -> 1.0', '7u -> 8u', '+ -> -', '1u -> 2u'],
    ]);
  });
});

describe('what is altered', () => {
  test.each([
    ['arithmetic', 'let a = b + c - d * e / f % g;', ['+ -> -', '- -> +', '* -> /', '/ -> *', '% -> *', '% -> /']],
    ['signs are dropped', 'let a = -b * !(~c);', ['- -> ', '* -> /', '! -> ', '~ -> ']],
    ['comparisons', 'let a = b < c; let d = e >= f; let g = h == i;', ['< -> <=', '>= -> >', '== -> !=']],
    ['logic and bits', 'let a = b && c | d ^ (e << f);', ['&& -> ||', '| -> &', '^ -> &', '<< -> >>']],
    ['integers', 'let a = vec3<u32>(0u, 41, 0xffu);', ['0u -> 1u', '41 -> 42', '0xffu -> 0x100u']],
    ['the last integer', 'let a = 0xffffffffu;', ['0xffffffffu -> 0xfffffffeu']],
    ['fractions', 'let a = vec3<f32>(0.0, 1.5, 2e-3f);', ['0.0 -> 1.0', '1.5 -> 3.0', '2e-3f -> 0.004f']],
    ['components', 'let a = b.x + c.zw.y;', ['x -> y', '+ -> -', 'zw -> wz', 'y -> x']],
    ['min and max, but no names like them', 'let a = min(b, max(c, minimum));', ['min -> max', 'max -> min']],
    ['select', 'let a = select(f(b, c), d, e);', ['f(b, c), d -> d, f(b, c)']],
    [
      'indices',
      'let a = b[i]; let d = e[2u]; let g = c[h[j] + k].x;',
      [...['i -> i + 1', '2u -> 3u', 'h[j] + k -> (h[j] + k) + 1', 'j -> j + 1', '+ -> -', 'x -> y']],
    ],
    ['pointers are left alone', 'let a = f(&b); let c = *d;', []],
    ['types are left alone', 'let a = array<vec4<f32>, 4>(); let b: u32 = c;', []],
  ])('%s', (_, body, wanted) => {
    expect(changes(body)).toEqual(wanted);
  });

  test('assignments, accumulations and calls are dropped or changed', () => {
    expect(changes('a[i] = b; s += c; n++; workgroupBarrier(); store(a, b); var d = e; return;')).toEqual([
      ...['a[i] = b -> ', 'i -> i + 1', 's += c -> ', '+= -> -=', '+= -> =', 'n++ -> ', '++ -> --'],
      ...['workgroupBarrier() -> ', 'store(a, b) -> '],
    ]);
  });

  test('conditions always and never hold', () => {
    expect(inside('if (a) { b = c; } else if (d) { return; }')).toEqual([
      ...['a -> true', 'a -> false', 'd -> true', 'd -> false'],
    ]);
  });

  test('a loop is altered, but for what would keep it from ending whatever the cases', () => {
    expect(inside('for (var i = 0u; i < n; i++) { } for (; w > 1u; w /= 2u) { }')).toEqual([
      ...['0u -> 1u', '< -> <=', '> -> >=', '1u -> 2u', '/= -> *=', '2u -> 3u'],
    ]);
  });
});

describe('mutants', () => {
  const source = 'fn main() {\n  out[0] = f(compute(0));\n}\n';
  const use = (op: string, preamble: string) => ({ op, shader: { file: 'a.wgsl', source, preamble } });
  const f = (type: string, expression: string) => `fn f(x: ${type}) -> ${type} {\n  return ${expression};\n}\n`;
  const read = (type: string) => `fn compute(i: u32) -> ${type} {\n  let v = vec2<${type}>(in[i + 1u]);\n}\n`;

  test('a name each, the same each time; variants for other types are one', () => {
    const uses = [use('twice', f('f32', 'x + x')), use('twice', f('i32', 'x + x')), use('next', f('f32', 'x * x'))];
    const ids = mutantsOf(uses).map(({ id }) => id);
    expect(ids).toEqual([
      'a.wgsl:2:3 statement: out[0] = f(compute(0)) -> nothing',
      'a.wgsl:2:7 integer: 0 -> 1',
      'a.wgsl:2:22 integer: 0 -> 1',
      'twice f:12 arithmetic: + -> -',
      'next f:12 arithmetic: * -> /',
    ]);
    expect(mutantsOf(uses).map(({ id }) => id)).toEqual(ids);
  });

  test('functions that several ops bring are altered once; those that nobody calls, not at all', () => {
    const shared = 'fn compute(i: u32) -> u32 {\n  return g(i);\n}\nfn g(i: u32) -> u32 {\n  return i + i;\n}\n';
    const idle = 'fn idle(i: u32) -> u32 {\n  return i - i;\n}\n';
    const uses = [use('twice', shared + idle), use('next', shared)];
    const mine = mutantsOf(uses).filter(({ file }) => file !== 'a.wgsl');
    expect(mine.map(({ id }) => id)).toEqual(['shared functions g:12 arithmetic: + -> -']);
    expect(uses.every((one) => altered(mine[0], one)?.preamble?.includes('i - i;\n}\n'))).toBe(true);
    const quiet = { ...use('quiet', shared), shader: { file: 'b.wgsl', source: 'fn main() {}', preamble: shared } };
    expect(altered(mine[0], quiet)).toBeNull();
  });

  test('generated lines are altered once, wherever they stand', () => {
    const uses = [use('twice', read('f32')), use('next', read('i32'))];
    const mutant = mutantsOf(uses).find(({ operator }) => operator === 'arithmetic')!;
    expect(mutant).toMatchObject({ file: 'elementwise-plan.ts', text: 'let v = vec2<f32>(in[i + 1u]);' });
    expect(uses.map((one) => altered(mutant, one)?.preamble)).toEqual([
      ...[read('f32').replace('+', '-'), read('i32').replace('+', '-')],
    ]);
  });

  test('are made where they belong, and nowhere else', () => {
    const [twice, next] = [use('twice', f('f32', 'x + x')), use('next', f('f32', 'x * x'))];
    const [, index, , sum] = mutantsOf([twice, next]);
    expect(altered(index, next)).toEqual({ ...next.shader, source: source.replace('[0]', '[1]') });
    expect(altered(sum, twice)).toEqual({ ...twice.shader, preamble: f('f32', 'x - x') });
    expect(altered(sum, next)).toBeNull();
    expect(altered(index, { op: 'next', shader: { ...next.shader, file: 'b.wgsl' } })).toBeNull();
  });

  test('the list of equivalent ones: an entry that finds none is told', () => {
    const mutants = mutantsOf([use('twice', '')]);
    const entry = {
      file: '*',
      text: 'out[0] = f(compute(0));',
      mutated: 'out[1] = f(compute(0));',
      why: 'so',
      counts: false,
    };
    const old = { ...entry, text: 'out[2] = x;' };
    expect(listed(mutants, [entry, old])).toEqual({ equal: new Set([mutants[1]]), known: new Map(), stale: [old] });
    const race = { ...entry, counts: true };
    expect(listed(mutants, [race])).toEqual({ equal: new Set(), known: new Map([[mutants[1], 'so']]), stale: [] });
    const list = 'Head.\n\n= same\n@ a.wgsl\n- x\n+ y\n\n! race\n@ *\n- x\n+ z\n';
    expect(parseEquivalents(list).map(({ why, counts }) => [why, counts])).toEqual([
      ...[
        ['same', false],
        ['race', true],
      ],
    ]);
  });
});

describe('trying mutants', () => {
  const FILE = 'maxPool2dGather.wgsl';
  const all: Case[] = cases.filter(({ op, refuses, large }) => op === 'maxPool2dGather' && !refuses && !large);
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.open(all);
  });
  afterAll(() => bench.close());

  /** The mutants of the file, and what became of them with these cases. */
  async function outcomes(items: number[]) {
    const runs: Run[] = [];
    for (const item of items) runs.push(...(await bench.scan(item)));
    expect(runs.filter(({ fault }) => fault !== null)).toEqual([]);
    bench.begin(runs);
    const mutants: Mutant[] = mutantsOf(runs.flatMap(({ uses }) => uses)).filter(({ file }) => file === FILE);
    const found = [];
    for (const mutant of mutants) found.push({ ...mutant, ...(await bench.try(mutant)) });
    return found;
  }

  test('the cases of an op catch what one of them alone does not', async () => {
    const some = await outcomes([0]);
    const whole = await outcomes(all.map((_, item) => item));
    expect(some.map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    expect(score(some)).toBeLessThan(score(whole));
  });
});
