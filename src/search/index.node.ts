// downhill/search in Node: with folders, trials as processes, and ensembles from a folder.
export { fromSearch } from './ensemble.node.ts';
export { readSearch, SearchFolder } from './folder.node.ts';
export { forked, serveTrial } from './forked.node.ts';
export * from './index.ts';
