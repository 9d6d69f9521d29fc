// Starts a headless Chromium with WebGPU on SwiftShader, from DOWNHILL_CHROMIUM or out of @sparticuz/chromium.

import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';
import { cached, findPackage, unpackTar } from '../src/backends/webgpu/unpack.node.ts';

const args = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // Containers and the root user have no sandbox.
  '--no-sandbox',
  // Many containers give /dev/shm too little room.
  '--disable-dev-shm-usage',
  '--no-first-run',
  // No traffic but the test's own.
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The carried font and no other, so that pages look alike on every machine. */
const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

/** Unpacks Chromium with the libraries and fonts that it needs, for machines where none of them is installed. */
async function unpackChromium(): Promise<string> {
  const found = await findPackage('@sparticuz/chromium');
  if (!found) throw new Error('no Chromium: npm i @sparticuz/chromium, or name an executable in DOWNHILL_CHROMIUM');
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('@sparticuz/chromium is for Linux x64: name a Chrome or Chromium executable in DOWNHILL_CHROMIUM');
  }
  const bin = join(found.folder, 'bin');
  return cached(`chromium-${found.version}`, async (folder) => {
    const executable = createWriteStream(join(folder, 'chromium'), { mode: 0o755 });
    await pipeline(createReadStream(join(bin, 'chromium.br')), createBrotliDecompress(), executable);
    // SwiftShader's files belong beside the executable; nspr, nss and expat come in lib/, the font in fonts/.
    for (const name of ['swiftshader', 'al2023', 'fonts']) await unpackTar(join(bin, `${name}.tar.br`), folder);
    await writeFile(join(folder, 'fonts.conf'), fontsConf);
  });
}

/** The caller closes the browser. */
export async function launchChromium(): Promise<Browser> {
  const installed = process.env.DOWNHILL_CHROMIUM;
  if (installed) return chromium.launch({ executablePath: installed, args });
  const folder = await unpackChromium();
  const libraries = [join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  const env = { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(folder, 'fonts.conf') };
  return chromium.launch({ executablePath: join(folder, 'chromium'), args, env: env as Record<string, string> });
}
