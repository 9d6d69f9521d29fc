// The namespace `optim.race`: surfaces of two parameters, optimizers that run on them, and their contour lines.
export { type Contestant, contestants, type Path, race } from './contestants.ts';
export { contour, type HeightMap, heightMap, type Piece } from './contours.ts';
export { type Place, type Surface, type SurfaceName, surfaces } from './surfaces.ts';
