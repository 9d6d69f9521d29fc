// A Vite plugin that imports .wgsl files as text.
import { readFile } from 'node:fs/promises';

export const wgsl = () => ({
  name: 'wgsl',
  enforce: 'pre',
  async load(id) {
    const path = id.split('?')[0];
    if (!path.endsWith('.wgsl')) return null;
    this.addWatchFile(path);
    return `export default ${JSON.stringify(await readFile(path, 'utf8'))};`;
  },
});
