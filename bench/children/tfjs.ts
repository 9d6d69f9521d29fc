// The process of TensorFlow.js, which looks at the navigator when it is loaded.
import { serve } from '../child.ts';

await serve(async () => (await import('../libraries/tfjs.ts')).open());
