/** How the demo tells what it does: numbered steps, a bar for what takes long, and plain lines where no terminal is. */
import { Presets, SingleBar } from 'cli-progress';
import { basePath, type ProgressAnswer } from '../client.ts';

export interface Show {
  /** Does a step, and says what came of it and how long it took. */
  step<T>(title: string, work: () => Promise<T>, result: (value: T) => string): Promise<T>;
  line(text: string): void;
  /** A call of the REST API and what came back. */
  call(method: string, path: string, body: object, answer: object): void;
  /** Follows an operation's progress; the answer ends it. */
  follow(): { seen(status: string, progress: ProgressAnswer | undefined): void; end(): void };
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
    follow: () => (out.isTTY ? followWithBar(out) : followWithLines(line)),
  };
}

function followWithBar(out: NodeJS.WriteStream): ReturnType<Show['follow']> {
  const bar = new SingleBar(
    { stream: out, format: `${indent}{phase} {bar} {percentage}% {done} {rate}`, hideCursor: true },
    Presets.shades_classic,
  );
  let shown = '';
  return {
    seen: (status, progress) => {
      const phase = progress?.phase ?? status.toLowerCase();
      if (shown !== '' && phase !== shown) {
        // The bar of a phase that is over stays on the screen, full.
        bar.update(100);
        bar.stop();
      }
      if (phase !== shown) bar.start(100, 0, payload(phase, progress));
      shown = phase;
      bar.update(progress?.percent ?? 0, payload(phase, progress));
    },
    end: () => {
      if (shown !== '') bar.update(100);
      bar.stop();
    },
  };
}

function followWithLines(line: (text: string) => void): ReturnType<Show['follow']> {
  let shown = '';
  return {
    seen: (status, progress) => {
      const phase = progress?.phase ?? status.toLowerCase();
      if (phase === shown) return;
      shown = phase;
      line(phase.replaceAll('_', ' '));
    },
    end: () => undefined,
  };
}

function payload(phase: string, progress: ProgressAnswer | undefined): Record<string, string> {
  return {
    phase: phase.replaceAll('_', ' ').padEnd(12),
    done: progress && progress.bytes_done > 0 ? megabytes(progress.bytes_done) : '',
    rate: progress && progress.bytes_per_second > 0 ? `${megabytes(progress.bytes_per_second)}/s` : '',
  };
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / mebi)} MB`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function shortened(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
