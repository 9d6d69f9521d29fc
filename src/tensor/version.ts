// The version of this package, for what outlives a run; a test holds it to package.json.
export const VERSION = '0.1.0';
