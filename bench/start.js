// `npm run bench`: installs the other libraries where they are missing, bundles, and starts.
import { bundle } from './bundle.js';
import { install } from './install.js';

const folder = 'node_modules/.cache/downhill/bench';
install();
await bundle(folder);
process.argv[1] = `${process.cwd()}/${folder}/main.js`;
await import(process.argv[1]);
