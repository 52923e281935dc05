/** The programs of a physical backup with their arguments, and the files they need while they run. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BackupSettings, ServerSettings } from '../../config/agent.ts';
import { findProgram } from '../programs.ts';
import type { Stage } from '../processes/pipeline.ts';
import { optionGroup } from '../server/option-files.ts';
import { readClientAccount } from '../server/options.ts';

/** Where one backup keeps what is not in its stream. */
export interface Scratch {
  folder: string;
  optionFile: string;
  /** The tool's own working directory; a streamed backup leaves nothing of worth in it. */
  target: string;
  /** Where the tool writes positions and LSNs, which are also in the stream. */
  facts: string;
}

/**
 * Makes the scratch folder of a backup, with the option file that carries the account: a password among the
 * arguments would be seen by every user of the host.
 */
export async function createScratch(server: ServerSettings, folder: string): Promise<Scratch> {
  const own = path.join(folder, 'backup');
  const scratch: Scratch = {
    folder: own,
    optionFile: path.join(own, 'account.cnf'),
    target: path.join(own, 'target'),
    facts: path.join(own, 'facts'),
  };
  await rm(own, { recursive: true, force: true });
  await mkdir(own, { recursive: true, mode: 0o700 });
  const { user, password, socket, host, port } = await readClientAccount(server);
  const place: Record<string, string | number> = host === '' ? { socket } : { host, port };
  // After the include, so that these are the ones that count.
  const account = optionGroup('mariadb-backup', { user, password, ...place });
  await writeFile(scratch.optionFile, `!include ${server.defaults_file}\n${account}`, { mode: 0o600 });
  return scratch;
}

/** @throws tool_missing */
export async function backupStages(
  server: ServerSettings,
  backup: BackupSettings,
  scratch: Scratch,
  {
    checkpoint,
    fromLsn,
  }: { checkpoint: boolean; /** Only what was changed since; left out for a full. */ fromLsn?: number },
): Promise<Stage[]> {
  return [
    {
      program: await findProgram(server, 'mariadb-backup'),
      args: [
        // Has to come first.
        `--defaults-file=${scratch.optionFile}`,
        '--backup',
        '--stream=xbstream',
        `--parallel=${backup.parallel}`,
        `--target-dir=${scratch.target}`,
        `--extra-lsndir=${scratch.facts}`,
        // One descriptor a table is held open; the tool takes less where the system allows less.
        '--open-files-limit=65535',
        ...(fromLsn === undefined ? [] : [`--incremental-lsn=${fromLsn}`]),
        ...(checkpoint ? ['--innodb-log-checkpoint-now=ON'] : []),
      ],
    },
    ...(await packingStages(server, backup)),
  ];
}

/** What compresses a stream and, with recipients, encrypts it. @throws tool_missing */
export async function packingStages(server: ServerSettings, backup: BackupSettings): Promise<Stage[]> {
  const stages: Stage[] = [
    {
      program: await findProgram(server, 'zstd'),
      // At this verbosity its closing line has sizes in bytes, not rounded.
      args: ['-c', '-vv', '--no-progress', `-${backup.compression_level}`, `-T${backup.compression_threads}`],
    },
  ];
  if (backup.recipients.length > 0) {
    stages.push({
      program: await findProgram(server, 'age'),
      args: backup.recipients.flatMap((recipient) => ['-r', recipient]),
    });
  }
  return stages;
}
