// `npm run bench:monitors`: bundles and starts monitors.ts, for which no other library is needed.
import { bundle } from './bundle.js';

const folder = 'node_modules/.cache/downhill/bench-monitors';
await bundle(folder, [], 'monitors');
await import(`${process.cwd()}/${folder}/monitors.js`);
