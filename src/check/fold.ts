// Folds grids: so small cases run what else only more than 65,535 workgroups would.
import type { Dispatch } from '../tensor/backend.ts';

/** How shaders take their workgroup from a grid, see `grid` in src/ops/launch.ts. */
const BY_GRID = /\.y \* (work)?groups\.x\b/;
/** Workgroups in x where there are enough of them for several rows that are not as many. */
const ROW = 3;

/** The dispatch with its row of workgroups cut into several, as `grid` does with one that is too long. */
export function folded(dispatch: Dispatch): Dispatch {
  const [x, y, z] = dispatch.workgroups;
  if (x < 2 || y !== 1 || !BY_GRID.test(dispatch.shader.source)) return dispatch;
  const row = x > 2 * ROW ? ROW : Math.ceil(x / 2);
  return { ...dispatch, workgroups: [row, Math.ceil(x / row), z] };
}
