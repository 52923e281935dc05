/** `tidemark`: the process. */
import { exitCodes } from './exit-codes.ts';
import { Interrupted } from './io.ts';
import { run } from './run.ts';

const interruption = new AbortController();
for (const [signal, code] of [
  ['SIGINT', exitCodes.interrupted],
  ['SIGTERM', exitCodes.terminated],
] as const) {
  process.on(signal, () => {
    // The second one does not wait for anything.
    if (interruption.signal.aborted) process.exit(code);
    interruption.abort(new Interrupted(code));
  });
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `tidemark backups | head -1`: there is nobody left to tell anything.
    process.exit(error.code === 'EPIPE' ? exitCodes.pipeClosed : exitCodes.failed);
  });
}

const { stdout, stderr, env } = process;
const code = await run(process.argv.slice(2), { stdout, stderr, env, interrupted: interruption.signal });
// A command of the deployment's host may have set one of its own.
if (code !== exitCodes.done) process.exitCode = code;
