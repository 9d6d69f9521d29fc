// A shader file imported as text; the bundlers (tools/wgsl.ts, tools/build.js) supply it.
declare module '*.wgsl' {
  const source: string;
  export default source;
}
