/** `npm run bench -- binlog`: how fast binlogs are read, by our own reader, by nobody, and by mariadb-binlog. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BinlogReader } from '../domain/binlog/reader.ts';
import { TransactionTracker } from '../domain/binlog/transactions.ts';
import { inTemporaryFolder } from '../embedded/temporary.ts';
import { writeBinlogs } from './binlog-server.ts';
import { inTurns, median, timed } from './figures.ts';
import { unlessGivenUp } from './given-up.ts';
import type { BenchOptions } from './options.ts';

const pieceBytes = 1024 * 1024;

/**
 * Small transactions are what a busy shop writes, large ones what loading data does: the first cost us most a byte.
 *
 * @returns of each kind of binlog the paces in MB/s (of wall time, of the processor's time for ours), and the ratios
 */
export async function benchBinlog(
  options: BenchOptions,
  say: (message: string) => void,
  interrupted: AbortSignal,
): Promise<Record<string, unknown>> {
  return await inTemporaryFolder(options.folder, 'tidemark-bench-', async (folder) => {
    say(`Writing ${options.size} bytes of binlog of each kind …`);
    const files = await writeBinlogs(join(folder, 'server'), options.size, interrupted);
    const figures: Record<string, unknown> = {};
    for (const [kind, file] of Object.entries({ ...files })) {
      figures[kind] = await unlessGivenUp(interrupted, () => measure(file, options.runs));
      say(`  ${kind}: ${JSON.stringify(figures[kind])}`);
    }
    return { size_bytes: options.size, runs: options.runs, ...figures };
  });
}

async function measure(file: string, runs: number): Promise<Record<string, number>> {
  const { size } = await stat(file);
  const found = { events: 0, transactions: 0 };
  const cpu: number[] = [];
  const ours = async (): Promise<number> => {
    const before = process.cpuUsage();
    const ms = await timed(async () => Object.assign(found, await readByUs(file)));
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000);
    return ms;
  };
  const alone = (): Promise<number> => timed(() => pieces(file, () => undefined));
  // Both ways find a file in memory, and our code compiled.
  await ours();
  cpu.length = 0;
  const times = await inTurns(runs, ours, alone);
  const theirs: number[] = [];
  for (let run = 0; run < runs; run += 1) theirs.push(await timed(() => readByMariadbBinlog(file)));
  const pace = (ms: readonly number[]): number => Math.round(size / 1000 / median(ms));
  const ratio = (a: readonly number[], b: readonly number[]): number =>
    Math.round((median(a) / median(b)) * 1000) / 1000;
  return {
    bytes: size,
    ...found,
    bytes_per_event: Math.round(size / found.events),
    ours_mb_per_second: pace(times.ours),
    ours_mb_per_cpu_second: pace(cpu),
    reading_alone_mb_per_second: pace(times.bare),
    mariadb_binlog_mb_per_second: pace(theirs),
    ratio_to_reading_alone: ratio(times.ours, times.bare),
    ratio_to_mariadb_binlog: ratio(times.ours, theirs),
  };
}

async function pieces(file: string, take: (piece: Buffer) => void): Promise<void> {
  const stream = createReadStream(file, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
  for await (const piece of stream) take(piece);
}

async function readByUs(file: string): Promise<{ events: number; transactions: number }> {
  const reader = new BinlogReader();
  const tracker = new TransactionTracker();
  const found = { events: 0, transactions: 0 };
  await pieces(file, (piece) =>
    reader.read(piece, (event) => {
      found.events += 1;
      if (tracker.take(event)) found.transactions += 1;
    }),
  );
  const { closed, torn } = reader.end();
  if (closed === undefined || torn) throw new Error(`${file} was not read as a whole binlog.`);
  return found;
}

/** With checksums, and no more to print than it cannot leave out. */
async function readByMariadbBinlog(file: string): Promise<void> {
  const child = spawn(
    'mariadb-binlog',
    ['--no-defaults', '--verify-binlog-checksum', '--base64-output=decode-rows', '--short-form', file],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`mariadb-binlog ended with ${code}.`);
}
