/** `npm run bench`: Tidemark against the same programs in a shell, and its lists. bench/README.md says how to read it. */
import { CommanderError } from 'commander';
import { messageOf } from '../domain/errors.ts';
import { interruption } from '../embedded/signals.ts';
import { inTemporaryFolder } from '../embedded/temporary.ts';
import { benchApi } from './api.ts';
import { benchBackup } from './backup.ts';
import { benchBinlog } from './binlog.ts';
import { benchFollow } from './follow.ts';
import { unheard } from './given-up.ts';
import { benchIncremental } from './incremental.ts';
import { parseBenchOptions, type BenchOptions } from './options.ts';
import { benchRecover } from './recover.ts';
import { benchReplay } from './replay.ts';
import { benchRestore } from './restore.ts';
import { benchStores } from './stores.ts';
import { load, withStack, type Setting } from './subject.ts';
import { benchWindow } from './window.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/** @returns the exit code: 0 once everything was measured, 1 when something failed, 2 for options that are not allowed; 130 ends it at once: it was given up */
async function main(args: string[]): Promise<number> {
  const interrupted = AbortSignal.any([interruption(), unheard()]);
  try {
    const options = parseBenchOptions(args);
    if (options.what === 'api') {
      print(options, { bench: 'api', ...(await benchApi(options, say, interrupted)) });
      return 0;
    }
    if (options.what === 'window') {
      print(options, { bench: 'window', ...(await benchWindow(options, say, interrupted)) });
      return 0;
    }
    if (options.what === 'binlog') {
      print(options, { bench: 'binlog', ...(await benchBinlog(options, say, interrupted)) });
      return 0;
    }
    if (options.what === 'replay') {
      print(options, {
        bench: 'replay',
        runs: options.runs,
        ...(await benchReplay(options, say, interrupted)),
      });
      return 0;
    }
    const figures = await inTemporaryFolder(options.folder, 'tidemark-bench-', (folder) =>
      measure({ folder, options, say, interrupted }),
    );
    print(options, { bench: options.what, size_bytes: options.size, runs: options.runs, ...figures });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    say(messageOf(error));
    if (!interrupted.aborted) return 1;
    // What of the work still goes on has nothing to work with any more.
    process.exit(130);
  }
}

async function measure(setting: Setting): Promise<object> {
  const { what } = setting.options;
  if (what === 'api' || what === 'binlog' || what === 'replay' || what === 'window') {
    throw new Error(`${what} needs no stack`);
  }
  if (what === 'stores') return await benchStores(setting);
  // Where archiving is switched on and off again and again, the reconciler is to see it soon.
  const environment: Record<string, string> = what === 'follow' ? { TIDEMARK_RECONCILE_INTERVAL: '1s' } : {};
  return await withStack(setting, { environment }, async (bench) => {
    await load(bench);
    const benches = {
      backup: benchBackup,
      follow: benchFollow,
      incremental: benchIncremental,
      recover: benchRecover,
      restore: benchRestore,
    };
    return await benches[what](bench);
  });
}

function print({ json }: BenchOptions, figures: object): void {
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : asText(figures));
}

function asText(figures: object): string {
  const lines = Object.entries(figures).map(
    ([name, value]) => `${name.padEnd(20)} ${JSON.stringify(value)}\n`,
  );
  return lines.join('');
}

process.exitCode = await main(process.argv.slice(2));
