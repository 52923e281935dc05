/** The progress of an operation: a bar for each phase on a terminal, a line for each elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../../client/answers.ts';
import { bytesForPeople } from '../../domain/sizes.ts';

export interface ProgressView {
  seen(status: string, progress: Progress | undefined): void;
  /** After the last state. A bar is left full only when the operation has succeeded. */
  end(succeeded: boolean): void;
}

/** @param out a bar is drawn only where it is a terminal */
export function progressOn(out: NodeJS.WriteStream, indent = ''): ProgressView {
  return out.isTTY ? withBar(out, indent) : withLines((text) => void out.write(`${indent}${text}\n`));
}

function withBar(out: NodeJS.WriteStream, indent: string): ProgressView {
  const bar = new SingleBar(
    {
      stream: out,
      format: `${indent}{phase} {bar} {percentage}% {done} {rate}`,
      barsize: 30,
      hideCursor: true,
      // Ctrl-C is ours to handle; the cursor comes back when the bar is stopped.
      gracefulExit: false,
    },
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
    end: (succeeded) => {
      if (shown === '') return;
      if (succeeded) bar.update(100);
      bar.stop();
    },
  };
}

function withLines(line: (text: string) => void): ProgressView {
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

function payload(phase: string, progress: Progress | undefined): Record<string, string> {
  return {
    phase: phase.replaceAll('_', ' ').padEnd(12),
    done: progress && progress.bytes_done > 0 ? bytesForPeople(progress.bytes_done) : '',
    rate: progress && progress.bytes_per_second > 0 ? `${bytesForPeople(progress.bytes_per_second)}/s` : '',
  };
}
