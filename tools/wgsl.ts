// A Vite plugin that imports .wgsl files as text.
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';

export const wgsl = (): Plugin => ({
  name: 'wgsl',
  enforce: 'pre',
  async load(id) {
    const path = id.split('?')[0];
    if (!path.endsWith('.wgsl')) return null;
    this.addWatchFile(path);
    return `export default ${JSON.stringify(await readFile(path, 'utf8'))};`;
  },
});
