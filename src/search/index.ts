// downhill/search in a web page, where searches live in memory.
export { borderWarnings, narrowed } from './narrow.ts';
export { type SearchPage, searchHtml } from './page.ts';
export { ranked, type SearchOptions, type SearchResult, search } from './search.ts';
export {
  type Choice,
  choice,
  type Interval,
  logUniform,
  type Params,
  type Range,
  type Space,
  uniform,
  type Value,
} from './space.ts';
export type {
  SearchPlan,
  Trial,
  TrialContext,
  TrialRecord,
  TrialReport,
  TrialResult,
  TrialStore,
} from './trial.ts';
