// Runs every example of docs/notes.md, and compares what it prints with what the page says it prints.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { blocksOf } from './examples.ts';

const folder = join('test', 'output', 'notes');
const blocks = await blocksOf(join('docs', 'notes.md'));
const examples = blocks
  .map((block, i) => ({ ...block, printed: blocks[i + 1]?.language === 'text' ? blocks[i + 1].text : null }))
  .filter(({ language }) => language === 'js');

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
});

/** What a program prints. It runs here, on the sources. */
async function printedBy(name: string, program: string): Promise<string> {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void lines.push(format(...values)));
  onTestFinished(() => log.mockRestore());
  await writeFile(join(folder, name), program);
  await import(join(process.cwd(), folder, name));
  return lines.map((line) => `${line}\n`).join('');
}

describe('examples of the notes', () => {
  test.each(examples.map((example, i) => [example.section, i] as const))('%s', async (_, i) => {
    expect(await printedBy(`${i}.mjs`, examples[i].text)).toBe(examples[i].printed);
  });
});

test('every idea has one example, on the CPU, of downhill alone', () => {
  const sections = [
    'Preprocessing',
    'Gradient checks',
    'Sanity checks before learning',
    'The loss curve',
    'Training and validation accuracy',
    'The ratio of updates to weights',
    'Activations through the layers',
    'SGD, momentum and Nesterov momentum',
    'Adagrad',
    'RMSProp',
    'Adam, with its bias correction',
    'Annealing the learning rate',
    'Regularization',
    'Dropout, inverted and vanilla',
    'Batch normalization',
    'Searching for hyperparameters',
    'Ensembles and averaged weights',
    'Monte-Carlo dropout',
  ];
  expect(examples.map(({ section }) => section)).toEqual(sections);
  expect(blocks.length).toBe(2 * sections.length);
  for (const { text, printed } of examples) {
    expect(printed).toMatch(/\S/);
    for (const [, from] of text.matchAll(/ from '(.*)';/g)) expect(from).toMatch(/^downhill(\/search)?$/);
    expect(text).toContain("await init({ device: 'cpu' });");
  }
});
