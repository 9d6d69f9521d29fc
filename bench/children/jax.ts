// The process of jax-js.
import { serve } from '../child.ts';

await serve(async () => (await import('../libraries/jax.ts')).open());
