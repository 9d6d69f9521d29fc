// The walls of the house, proven from the files: imports run down the floors, never up and never in a circle; files are
// short and say in their first line what they are for. Each rule is also shown a house that breaks it.
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, posix } from 'node:path';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** What stands in src/, lowest floor first. Folders on one floor do not see each other; index.ts is what users import. */
const FLOORS = [
  ['tensor'],
  ['backends'],
  ['autograd'],
  ['shaders'],
  ['ops'],
  ['compile'],
  ['nn', 'optim'],
  ['check'],
  ['io'],
  ['data'],
  ['train'],
  ['search'],
  ['index.ts', 'node.ts'],
  ['cli'],
];

/** What each file imports: `./src/...` is a file of ours, from the root; everything else a package's name as written. */
type Imports = Record<string, string[]>;
/** Finds what breaks a wall, in words. */
type Rule = (imports: Imports) => string[];

const isFile = (target: string) => target.startsWith('./');
const edges = (imports: Imports) =>
  Object.entries(imports).flatMap(([from, targets]) => targets.map((to) => ({ from, to, edge: `${from} -> ${to}` })));

/** The floor's number and the folder of a file in src/ or shaders/, undefined for any other. */
function place(file: string): { floor: number; folder: string } | undefined {
  const [, top, next] = file.split('/');
  const folder = top === 'src' ? next : top;
  const floor = FLOORS.findIndex((folders) => folders.includes(folder));
  return (top === 'src' || top === 'shaders') && floor >= 0 ? { floor, folder } : undefined;
}

const runDown: Rule = (imports) =>
  edges(imports)
    // By its own name the package would come in through the roof.
    .filter(({ from, to }) => from.startsWith('./src/') && (isFile(to) || /^downhill(\/|$)/.test(to)))
    .filter(({ from, to }) => {
      const [upper, lower] = [place(from), place(to)];
      return !upper || !lower || (upper.folder !== lower.folder && upper.floor <= lower.floor);
    })
    .map(({ edge }) => edge);

const noCircle: Rule = (imports) => {
  const circles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    path.push(file);
    for (const to of imports[file] ?? []) visit(to);
    path.pop();
    done.add(file);
  };
  for (const file of Object.keys(imports)) visit(file);
  return circles;
};

/** Doors lead elsewhere in Node than in a web page: to its WebGPU, and to its files. */
const DOORS = ['#gpu', '#files'];
/** What a web page loads; the doors are the exception. */
const CORE = ['index', 'check/index', 'search/index', 'backends/webgpu/door.browser', 'io/files.browser'].map(
  (name) => `./src/${name}.ts`,
);

const coreStandsAlone: Rule = (imports) => {
  const reached = new Set(CORE);
  // A Set hands out what is added while it is walked.
  for (const file of reached) for (const to of imports[file] ?? []) if (isFile(to)) reached.add(to);
  return edges(imports)
    .filter(({ from, to }) => reached.has(from) && !isFile(to) && !DOORS.includes(to))
    .map(({ edge }) => edge);
};

/** The demo and the benchmarks see what users see. Only configuration may use our tools. */
const frontDoorOnly: Rule = (imports) =>
  edges(imports)
    .filter(({ from, to }) => {
      const home = ['./demo/', './bench/'].find((folder) => from.startsWith(folder));
      const config = /\.config\.[jt]s$/.test(from) && to.startsWith('./tools/');
      return home && ((isFile(to) && !to.startsWith(home) && !config) || DOORS.includes(to));
    })
    .map(({ edge }) => edge);

const nobodyImportsTests: Rule = (imports) =>
  edges(imports)
    .filter(({ from, to }) => !from.startsWith('./test/') && to.startsWith('./test/'))
    .map(({ edge }) => edge);

/** The specifiers of all imports in a source text: type-only, dynamic and `import('x').T` ones too. */
function specifiers(text: string): string[] {
  const found: string[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: every kind of syntax node passes here
  const visit = (node: any): void => {
    if (node === null || typeof node !== 'object') return;
    // Only imports and re-exports have a source; a computed one counts as a package, which the core may not have.
    if (typeof node.type === 'string' && node.source) found.push(node.source.value ?? '(computed)');
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseAst(text, { lang: 'ts' }));
  return found;
}

const resolve = (from: string, specifier: string) =>
  specifier.startsWith('.') ? `./${posix.join(posix.dirname(from), specifier.split('?')[0])}` : specifier;

/** All files under the folders, as `./src/...`; folders that are not there yet are empty. */
async function filesIn(folders: string[]): Promise<string[]> {
  const lists = folders.map(async (folder) => {
    const names = await readdir(join(root, folder), { recursive: true }).catch(() => []);
    return names.map((name) => `./${posix.join(folder, name)}`);
  });
  const made = /\/(node_modules|dist|output|results|portable)\//;
  return (await Promise.all(lists)).flat().filter((file) => /\.\w+$/.test(file) && !made.test(file));
}

const read = (file: string) => readFile(join(root, file), 'utf8');

async function readImports(): Promise<Imports> {
  const files = (await filesIn(['src', 'test', 'demo', 'bench', 'tools'])).filter((file) => /\.m?[jt]s$/.test(file));
  const entries = files.map(async (file) => {
    return [file, specifiers(await read(file)).map((specifier) => resolve(file, specifier))] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

describe('imports', () => {
  const broken: [title: string, rule: Rule, house: Imports, complaints: string[]][] = [
    [
      'run down the floors or stay in their folder',
      runDown,
      {
        './src/tensor/a.ts': ['./src/backends/b.ts', './src/tensor/c.ts'],
        './src/backends/b.ts': ['./src/autograd/t.ts', './src/ops/o.ts', './src/tensor/a.ts'],
        './src/nn/n.ts': ['./src/optim/o.ts', './src/ops/o.ts', './src/index.ts', './demo/d.ts'],
        './src/autograd/t.ts': ['./shaders/x.wgsl'],
        './src/ops/o.ts': ['./shaders/x.wgsl', './src/attic/a.ts'],
        './src/index.ts': ['./src/train/f.ts', './src/cli/main.ts'],
        './src/cli/main.ts': ['./src/index.ts', 'commander', 'downhill/check'],
      },
      [
        './src/tensor/a.ts -> ./src/backends/b.ts',
        './src/backends/b.ts -> ./src/autograd/t.ts',
        './src/backends/b.ts -> ./src/ops/o.ts',
        './src/nn/n.ts -> ./src/optim/o.ts',
        './src/nn/n.ts -> ./src/index.ts',
        './src/nn/n.ts -> ./demo/d.ts',
        './src/autograd/t.ts -> ./shaders/x.wgsl',
        './src/ops/o.ts -> ./src/attic/a.ts',
        './src/index.ts -> ./src/cli/main.ts',
        './src/cli/main.ts -> downhill/check',
      ],
    ],
    [
      'never run in a circle, not even for types',
      noCircle,
      { './a.ts': ['./b.ts', './c.ts'], './b.ts': ['./c.ts'], './c.ts': ['./d.ts'], './d.ts': ['./b.ts'] },
      ['./b.ts -> ./c.ts -> ./d.ts -> ./b.ts'],
    ],
    [
      'of what a web page loads are our own',
      coreStandsAlone,
      {
        './src/index.ts': ['./src/a.ts', '#gpu', '#files'],
        './src/a.ts': ['./src/b.ts', 'node:fs'],
        './src/b.ts': ['uplot'],
        './src/check/index.ts': ['(computed)'],
        './src/cli/main.ts': ['commander', './src/index.ts'],
        './src/backends/webgpu/door.node.ts': ['webgpu'],
      },
      ['./src/a.ts -> node:fs', './src/b.ts -> uplot', './src/check/index.ts -> (computed)'],
    ],
    [
      'of the demo and the benchmarks go through the public entry points',
      frontDoorOnly,
      {
        './demo/main.ts': ['downhill', 'downhill/check', 'uplot', './demo/chart.ts', './src/nn/index.ts', '#gpu'],
        './demo/vite.config.ts': ['./tools/wgsl.ts', 'vite'],
        './bench/step.ts': ['./demo/chart.ts', './tools/wgsl.ts'],
      },
      [
        './demo/main.ts -> ./src/nn/index.ts',
        './demo/main.ts -> #gpu',
        './bench/step.ts -> ./demo/chart.ts',
        './bench/step.ts -> ./tools/wgsl.ts',
      ],
    ],
    [
      'of tests stay among tests',
      nobodyImportsTests,
      { './src/a.ts': ['./test/chromium.ts'], './test/b.ts': ['./test/chromium.ts'] },
      ['./src/a.ts -> ./test/chromium.ts'],
    ],
  ];

  it.each(broken)('%s', async (_title, rule, house, complaints) => {
    expect(rule(house)).toEqual(complaints);
    const imports = await readImports();
    expect(imports['./src/ops/methods.ts']).toContain('./src/tensor/tensor.ts');
    expect(rule(imports)).toEqual([]);
  });

  it('are read from every kind of statement', () => {
    const text = `
      import a from 'a'; import type { B } from './b.ts'; import { type C } from 'c'; import 'd';
      export * as e from 'e'; export { f } from 'f'; export type { G } from 'g';
      const h = await import('h'); type I = import('i').I; const j: typeof import('j') = await import(\`\${h}\`);
      declare module 'augmented' { interface Z {} }`;
    expect(specifiers(text)).toEqual(['a', './b.ts', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', '(computed)']);
    expect(resolve('./src/ops/matmul.ts', '../../shaders/matmul.wgsl')).toBe('./shaders/matmul.wgsl');
  });
});

describe('files', () => {
  const MAX_LINES = 350;
  /** Folders of somebody's machine; system folders that a standard names are no such thing. */
  const MACHINE_PATH = /(?<![\w.\])}])\/(?:work|home|root|Users|mnt)\/\w|\b[A-Z]:\\\w/;

  /** What is wrong with a file, in words. */
  function complaints(file: string, text: string): string[] {
    const lines = text.replace(/\n$/, '').split('\n');
    // The rules of HTML and of the shell put a line of theirs first.
    const first = /^(<!doctype|#!)/i.test(lines[0]) ? lines[1] : lines[0];
    const says = /^(\/\/|\/\*\*?|<!--|#) (?!@|biome|eslint)\S+ \S+/.test(first ?? '');
    const found: string[] = [];
    if (!says) found.push(`${file}: the first line does not say what the file is for`);
    if (lines.length > MAX_LINES) found.push(`${file}: ${lines.length} lines, at most ${MAX_LINES}`);
    lines.forEach((line, i) => {
      if (MACHINE_PATH.test(line)) found.push(`${file}:${i + 1}: a path of one machine`);
    });
    return found;
  }

  it('say what they are for, are short, and name no machine', async () => {
    const home = ['', 'home', 'me', 'data'].join('/');
    expect(complaints('./a.ts', '// Sums of rows.\nexport const A = `../home/x`;\n')).toEqual([]);
    expect(complaints('./a.html', '<!doctype html>\n<!-- The demo page. -->\n')).toEqual([]);
    expect(complaints('./b.ts', `import 'a';\nopen('${home}');\n${'\n'.repeat(400)}`)).toEqual([
      './b.ts: the first line does not say what the file is for',
      './b.ts: 402 lines, at most 350',
      './b.ts:2: a path of one machine',
    ]);
    expect(complaints('./c.ts', '// @ts-nocheck on purpose\n')).toHaveLength(1);

    const kinds = ['.ts', '.js', '.mjs', '.wgsl', '.html', '.css'];
    const files = (await filesIn(['src', 'shaders', 'demo', 'test', 'bench', 'tools', 'bin'])).filter((file) =>
      kinds.includes(extname(file)),
    );
    expect(files.length).toBeGreaterThan(50);
    const texts = await Promise.all(files.map(async (file) => complaints(file, await read(file))));
    expect(texts.flat()).toEqual([]);
  });
});
