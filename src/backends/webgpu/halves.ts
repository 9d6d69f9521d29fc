// Shaders are written for float32. Where bindings hold halves instead, what they load is widened and what they store is
// narrowed, in the text: they compute in float32 all the same.

/** What stands in brackets, with brackets in it one level deep. */
const INDEX = String.raw`\[(?:[^[\]\n]|\[[^[\]\n]*\])*\]`;

/** The text of a shader whose arrays at these bindings, declared as of f32 or vec4<f32>, hold halves. Others stay as they are. */
export function withHalves(code: string, bindings: readonly number[]): string {
  const changed = bindings.reduce(withHalvesAt, code);
  return changed === code || code.startsWith('enable f16;') ? changed : `enable f16; ${changed}`;
}

function withHalvesAt(code: string, binding: number): string {
  const declaration = new RegExp(
    String.raw`(@binding\(${binding}\) var<storage, read(?:_write)?> (\w+): array<)(f32|vec4<f32>)>`,
  );
  const [, , name, full] = declaration.exec(code) ?? [];
  if (name === undefined) return code;
  const half = full.replace('f32', 'f16');
  const use = new RegExp(String.raw`(?<![.\w])${name}(${INDEX})(?: = ([^;\n]*);)?`, 'g');
  return code
    .replace(use, (element: string, index: string, value?: string) =>
      value === undefined ? `${full}(${element})` : `${name}${index} = ${half}(${value});`,
    )
    .replace(declaration, `$1${half}>`);
}
