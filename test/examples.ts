// The code blocks of a Markdown file, for the tests that try them.
import { readFile } from 'node:fs/promises';

export interface Block {
  language: string;
  text: string;
  /** The last heading before it. */
  section: string;
}

/** All fenced blocks of a Markdown file, in order. */
export async function blocksOf(path: string): Promise<Block[]> {
  const found = (await readFile(path, 'utf8')).matchAll(/^## ([^\n]*)$|^```(\w+)\n(.*?)^```$/gms);
  const blocks: Block[] = [];
  let section = '';
  for (const [, heading, language, text] of found) {
    if (heading === undefined) blocks.push({ language, text, section });
    else section = heading;
  }
  return blocks;
}
