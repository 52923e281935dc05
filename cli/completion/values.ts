/** What may stand after an option, for every command that has it. */
import type { CommandNode } from './tree.ts';

export interface ValueCase {
  /** `<command's path> <option>`, of all for which it is the same. */
  patterns: string[];
  values: readonly string[];
  file: boolean;
}

/** Every option that takes a value, each once. */
export function valueOptions(tree: readonly CommandNode[]): string[] {
  const words = tree.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue));
  return [...new Set(words.map(({ word }) => word))];
}

export function valueCases(tree: readonly CommandNode[]): ValueCase[] {
  const cases = new Map<string, ValueCase>();
  for (const { path, options } of tree) {
    for (const { word, takesValue, values, file } of options) {
      if (!takesValue) continue;
      const kind = file ? 'file' : values.join(' ');
      const known = cases.get(kind) ?? { patterns: [], values, file };
      known.patterns.push(`${path} ${word}`);
      cases.set(kind, known);
    }
  }
  return [...cases.values()];
}
