// Installs the other libraries where they are missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Ends the process where npm cannot. */
export function install() {
  if (existsSync('bench/node_modules/@jax-js/jax') && existsSync('bench/node_modules/@tensorflow/tfjs-core')) return;
  console.error('installing the libraries to compare with: npm ci --prefix bench');
  const { status } = spawnSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(1);
}
