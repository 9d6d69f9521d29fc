// Serves and builds the web pages; `downhill` and its shaders come from src/.
import { defaultClientConditions, defineConfig } from 'vite';
import { wgsl } from '../tools/wgsl.ts';
import { mnist } from './mnist.plugin.ts';

const page = (name: string) => `${import.meta.dirname}/${name}.html`;

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [wgsl(), mnist()],
  resolve: { conditions: ['downhill-source', ...defaultClientConditions] },
  // Known beforehand, so that the first visit does not reload the page.
  optimizeDeps: { include: ['uplot'] },
  worker: { format: 'es', plugins: () => [wgsl()] },
  server: { fs: { allow: ['..'] } },
  build: { target: 'es2022', rolldownOptions: { input: [page('index'), page('check'), page('race')] } },
});
