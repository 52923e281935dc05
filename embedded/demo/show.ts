/** How the demo tells what it does: numbered steps, a bar for what takes long, and plain lines where no terminal is. */
import { type ProgressView, progressOn } from '../../cli/output/progress.ts';
import { basePath } from '../../client/client.ts';

export interface Show {
  /** Does a step, and says what came of it and how long it took. */
  step<T>(title: string, work: () => Promise<T>, result: (value: T) => string): Promise<T>;
  line(text: string): void;
  /** A call of the REST API and what came back. */
  call(method: string, path: string, body: object, answer: object): void;
  /** Follows an operation's progress. */
  follow(): ProgressView;
}

const mebi = 1024 * 1024;
const indent = '      ';

/** @param out what is written to; a bar is drawn only where it is a terminal */
export function showOn(out: NodeJS.WriteStream): Show {
  let number = 0;
  const line = (text: string): void => void out.write(`${indent}${text}\n`);
  return {
    line,
    step: async (title, work, result) => {
      number += 1;
      out.write(`\n  ${String(number).padStart(2)}  ${title}\n`);
      const start = performance.now();
      const value = await work();
      line(`→ ${result(value)} (${seconds(performance.now() - start)})`);
      return value;
    },
    call: (method, path, body, answer) => {
      line(`${method} ${basePath}${path} ${JSON.stringify(body)}`);
      line(`→ ${shortened(JSON.stringify(answer))}`);
    },
    follow: () => progressOn(out, indent),
  };
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / mebi)} MB`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function shortened(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
