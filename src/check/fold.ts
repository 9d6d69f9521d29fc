// Folds grids: so small cases run what else only more than 65,535 workgroups would.
import type { Dispatch } from '../tensor/backend.ts';

/** How shaders take their workgroup from a grid, see `grid` in src/ops/launch.ts, and their planes by turns. */
const BY_GRID = /\.y \* (work)?groups\.x\b/;
const BY_TURNS = /\+= groups\.z\b/;
/** Workgroups in x where there are enough of them for several rows that are not as many. */
const ROW = 3;

/** The dispatch as it is where there are more workgroups than one dimension holds: in several rows, and by turns. */
export function folded(dispatch: Dispatch): Dispatch {
  const [x, y, z] = dispatch.workgroups;
  const { source } = dispatch.shader;
  const row = x > 2 * ROW ? ROW : Math.ceil(x / 2);
  const [columns, rows] = x < 2 || y !== 1 || !BY_GRID.test(source) ? [x, y] : [row, Math.ceil(x / row)];
  return { ...dispatch, workgroups: [columns, rows, BY_TURNS.test(source) ? Math.ceil(z / 2) : z] };
}
