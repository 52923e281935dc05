/** The programs of a dump with their arguments, and the files that they need while they run. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BackupSettings, ServerSettings } from '../../config/agent.ts';
import type { DumpContent } from '../../domain/manifest.ts';
import { compareMajors } from '../../domain/versions.ts';
import { findProgram } from '../programs.ts';
import type { Stage } from '../processes/pipeline.ts';
import { packingStages } from '../backup/command.ts';
import { optionGroup } from '../server/option-files.ts';
import { readClientAccount } from '../server/options.ts';

/** Where one dump keeps what is not in its stream. */
export interface DumpScratch {
  folder: string;
  optionFile: string;
  /** How each part of the dump began and ended. */
  ends: string;
}

/** The parts of a dump, in the order of the stream: tables need the engines before them, grants the tables. */
export const dumpParts = ['before', 'data', 'after'] as const;
export type DumpPart = (typeof dumpParts)[number];

/** Makes the scratch folder of a dump, with the option file that carries the account. */
export async function createDumpScratch(server: ServerSettings, folder: string): Promise<DumpScratch> {
  const own = path.join(folder, 'dump');
  const scratch = { folder: own, optionFile: path.join(own, 'account.cnf'), ends: path.join(own, 'ends') };
  await rm(own, { recursive: true, force: true });
  await mkdir(scratch.ends, { recursive: true, mode: 0o700 });
  const { user, password, socket, host, port } = await readClientAccount(server);
  const place: Record<string, string | number> = host === '' ? { socket } : { host, port };
  await writeFile(scratch.optionFile, optionGroup('client', { user, password, ...place }), { mode: 0o600 });
  return scratch;
}

/**
 * Runs the parts one after the other into one stream. `tee` lets the beginning and the end of each be seen on the way,
 * so that no byte of a dump has to pass through the agent. A part that failed ends the stream: its exit code says so,
 * which a shell without `pipefail` would lose.
 */
const script = `
dump=$1 account=$2 ends=$3 whole=$4
shift 4
exec 4>&1
part() {
  name=$1
  shift
  { "$dump" "--defaults-file=$account" "$@" 4>&-; echo $? >"$ends/$name.code"; } |
    { tee /dev/fd/3 3>&1 >&4 || echo $? >"$ends/$name.tee"; } |
    { head -c 8192 >"$ends/$name.head"; tail -c 16384 >"$ends/$name.tail"; } 4>&-
  [ "$(cat "$ends/$name.code")" = 0 ] && [ ! -e "$ends/$name.tee" ]
}
if [ "$whole" = yes ]; then part before --default-character-set=utf8mb4 --insert-ignore --system=plugins,udfs,servers || exit 1; fi
part data "$@" || exit 1
if [ "$whole" = yes ]; then part after --default-character-set=utf8mb4 --insert-ignore --system=users,timezones || exit 1; fi
`;

/** The oldest mariadb-dump that can write the history of system-versioned tables. */
const historySince = '10.11';

/** @throws tool_missing */
export async function dumpStages(
  server: ServerSettings,
  backup: BackupSettings,
  scratch: DumpScratch,
  { content, logBin, toolVersion }: { content: DumpContent; logBin: boolean; toolVersion: string },
): Promise<Stage[]> {
  const data = [
    '--single-transaction',
    '--quick',
    // Else it is the one of the locale, which names of databases need not be in.
    '--default-character-set=utf8mb4',
    ...(logBin ? ['--master-data=2', '--gtid'] : []),
    '--routines',
    '--events',
    '--triggers',
    '--hex-blob',
    '--max-allowed-packet=1G',
    ...(compareMajors(toolVersion, historySince) >= 0 ? ['--dump-history'] : []),
    // Without a database nothing but the position is written.
    ...(content.databases.length > 0 ? ['--databases', '--', ...content.databases] : ['--system=udfs']),
  ];
  return [
    {
      program: '/bin/sh',
      args: [
        '-c',
        script,
        'dump',
        await findProgram(server, 'mariadb-dump'),
        scratch.optionFile,
        scratch.ends,
        content.whole ? 'yes' : 'no',
        ...data,
      ],
      name: 'mariadb-dump',
    },
    ...(await packingStages(server, backup)),
  ];
}

/** The parts that a dump of this content has. */
export function partsOf({ whole }: DumpContent): readonly DumpPart[] {
  return whole ? dumpParts : ['data'];
}
