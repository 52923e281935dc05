/** The program that reads the server's binlog over the network and writes it into the spool, until it is ended. */
import { crc32 } from 'node:zlib';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import { startChild } from '../processes/child.ts';
import { findProgram } from '../programs.ts';
import { writeAccount } from './account.ts';

export interface Source {
  /** Why it ended, a sentence; undefined while it runs, and where it was ended from here. */
  readonly trouble: string | undefined;
  readonly ended: boolean;
  /** Resolves when it has ended, however it did. */
  exited: Promise<void>;
  end(): Promise<void>;
}

export interface SourceOptions {
  server: ServerSettings;
  /** Where the first event is to be; its end of the file, when `position` is that of an event. */
  from: BinlogPoint;
  serverId: number;
  /** The files are written here, under their own names. */
  directory: string;
  /** The follower's own: for the account, and the record of the process. */
  folder: string;
}

/** Before the first event of a file. */
const firstEvent = 4;

/** A server id that no server is likely to have: replicas and servers are numbered from the other end. */
export function defaultServerId(serviceId: string): number {
  return (0x80000000 | (crc32(serviceId) & 0x7fffffff)) >>> 0;
}

/** @throws tool_missing, invalid_setting */
export async function startSource(options: SourceOptions): Promise<Source> {
  const { server, from, serverId, directory, folder } = options;
  const optionFile = path.join(folder, 'account.cnf');
  await writeAccount(server, optionFile);
  const child = startChild(
    await findProgram(server, 'mariadb-binlog'),
    [
      // Has to come first.
      `--defaults-file=${optionFile}`,
      '--read-from-remote-server',
      '--raw',
      '--stop-never',
      `--stop-never-slave-server-id=${serverId}`,
      `--start-position=${Math.max(from.position, firstEvent)}`,
      `--result-file=${directory}/`,
      from.file,
    ],
    { folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let trouble: string | undefined;
  let ended = false;
  let ending = false;
  const exited = child.exited.then(({ error, stderr, code }) => {
    ended = true;
    if (!ending) trouble = error?.message ?? troubleOf(stderr, code, serverId);
  });
  return {
    get trouble() {
      return trouble;
    },
    get ended() {
      return ended;
    },
    exited,
    end: async () => {
      ending = true;
      // It holds nothing back, and a kind signal would be waited for.
      child.kill('SIGKILL');
      await child.end();
      await exited;
    },
  };
}

/** What its closing words mean for whoever reads them, a sentence. */
function troubleOf(stderr: string, code: number | null, serverId: number): string {
  const said = stderr
    .split('\n')
    .filter((line) => line.startsWith('ERROR:'))
    .join(' ')
    .replace(/^ERROR: (Got error reading packet from server: )?/, '');
  if (/same server_uuid\/server_id/.test(said)) {
    return (
      `Somebody else reads the server's binlog under the server id ${serverId}, and each throws the other out. ` +
      'End the other reader, or set binlog.server_id of the agent to a number that nobody uses.'
    );
  }
  if (/Access denied|REPLICATION SLAVE|BINLOG ADMIN/i.test(said))
    return `The agent's account may not read the binlog: ${said} Grant it REPLICATION SLAVE ON *.*.`;
  if (/not open|binary logging is not|Binary log is not open/i.test(said))
    return 'The server keeps no binlog (log_bin): nothing can be followed.';
  if (said !== '') return `Reading the binlog broke off: ${said}`.replace(/([^.])$/, '$1.');
  return `The program mariadb-binlog ended with ${code ?? 'a signal'}.`;
}
