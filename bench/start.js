// `npm run bench`: installs the other libraries where they are missing, bundles, and starts.
import { copyFile } from 'node:fs/promises';
import { bundle } from './bundle.js';
import { install } from './install.js';

const folder = 'node_modules/.cache/downhill/bench';
install();
await bundle(folder);
await copyFile('bench/libraries/torch_child.py', `${folder}/torch_child.py`);
process.argv[1] = `${process.cwd()}/${folder}/main.js`;
await import(process.argv[1]);
