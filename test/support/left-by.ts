/** A program of its own that joins programs and is then killed, as an agent can be: prints `ready`, then waits. */
import { drain } from './drain.ts';
import { startPipeline } from '../../mariadb/processes/pipeline.ts';

const [folder = ''] = process.argv.slice(2);
const pipeline = await startPipeline(
  [
    // Ignores SIGINT, as a program does that is in the middle of something.
    { program: '/bin/sh', args: ['-c', 'trap "" INT; sleep 600 & sleep 600; wait'] },
    { program: '/bin/cat', args: [] },
  ],
  { folder, signal: new AbortController().signal },
);
process.stdout.write(`ready ${pipeline.pids.join(' ')}\n`);
void drain(pipeline.output);
await pipeline.finished;
