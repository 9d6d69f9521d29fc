// Tests run the sources: `#gpu` and `downhill` resolve to src/ by the condition `downhill-source`.
import { defineConfig } from 'vitest/config';
import { wgsl } from './tools/wgsl.ts';

const conditions = ['downhill-source', 'node'];

export default defineConfig({
  plugins: [wgsl()],
  // bench/ is a package of its own, and finds `downhill` by the paths of tsconfig.json.
  resolve: { conditions, tsconfigPaths: true },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    // What this machine was tuned for is no test's business.
    env: { DOWNHILL_TUNING: 'off' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
