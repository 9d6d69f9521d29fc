// Types of bundle.js, for tests.
export declare function bundle(outdir: string, libraries?: string[]): Promise<void>;
