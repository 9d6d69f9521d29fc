// The process of downhill, and of the float64 reference.
import { serve } from '../child.ts';
import { downhill } from '../libraries/downhill.ts';

await serve(async () => downhill);
