/** `tidemark binlog`: looks into binlogs on disk. */
import { once } from 'node:events';
import { Command } from 'commander';
import { readBinlogFile } from '../binlog-file.ts';
import type { GtidState } from '../../domain/binlog/gtid.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io, Outcome } from '../io.ts';
import {
  eventLine,
  eventRecord,
  faultsOf,
  summaryLine,
  transactionLine,
  transactionRecord,
} from '../output/binlog.ts';
import { printable } from '../output/printable.ts';

interface Flags {
  events?: true;
  json?: true;
}

export function binlogCommand(io: Io, outcome: Outcome): Command {
  const inspect = new Command('inspect')
    .summary('list the transactions in files, and say whether they are whole')
    .description(
      "List the transactions in binlog files, and say of each file whether it is whole: every checksum right, every event in its place, and its transactions those that follow the file before. Statements are named by their first words and their tables. A server's live file may be read too: its end may not be there yet. Exit code 1: a file is damaged, encrypted, or does not follow the one before.",
    )
    .argument('<file...>', 'binlog files, in their order')
    .option('--events', 'list every event')
    .option('--json', 'print records as JSON, each on a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tidemark binlog inspect /var/lib/mysql/bin.000007\n  $ tidemark binlog inspect --events --json bin.000007 bin.000008',
    )
    .action(async (files: string[]) => {
      const whole = await inspectFiles(io, files, inspect.optsWithGlobals<Flags>());
      if (!whole) outcome.exitCode = exitCodes.failed;
    });
  return new Command('binlog')
    .description('Look into binlog files on this host. Nothing is asked of the API or of a server.')
    .addCommand(inspect);
}

/** @returns whether all of them are what they should be */
async function inspectFiles(io: Io, files: readonly string[], { events, json }: Flags): Promise<boolean> {
  const out = new Lines(io.stdout);
  let state: GtidState | undefined;
  let whole = true;
  for (const file of files) {
    const put = (kind: string, record: () => object, line: () => string): void =>
      out.add(json ? JSON.stringify({ file, [kind]: record() }) : printable(`${file}  ${line()}`));
    const read = await readBinlogFile(
      file,
      state,
      {
        event: (event) => {
          if (events)
            put(
              'event',
              () => eventRecord(event),
              () => eventLine(event),
            );
        },
        transaction: (transaction) => {
          if (events) return;
          put(
            'transaction',
            () => transactionRecord(transaction),
            () => transactionLine(transaction),
          );
        },
        pause: () => out.flush(),
      },
      io.interrupted,
    );
    const faults = faultsOf(read.summary);
    put(
      'summary',
      () => read.summary,
      () => summaryLine(read.summary),
    );
    await out.flush();
    for (const fault of faults) io.stderr.write(`${printable(`${file}: ${fault}`)}\n`);
    whole &&= faults.length === 0;
    state = read.state;
  }
  return whole;
}

/** Lines that are written together, as fast as they are read at the other end. */
class Lines {
  readonly #stream: NodeJS.WriteStream;
  #lines: string[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  add(line: string): void {
    this.#lines.push(line);
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }
}
