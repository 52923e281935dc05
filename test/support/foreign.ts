/** Backups as others make them: by the real tools, unpacked as an agent does it. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverSettings } from '../../config/agent.ts';
import { ByteReader } from '../../mariadb/foreign/bytes.ts';
import { openLayers } from '../../mariadb/foreign/layers.ts';
import { unpackTar } from '../../mariadb/foreign/tar.ts';
import { Unpacked, type UnpackedOptions } from '../../mariadb/foreign/unpacked.ts';
import { unpackXbstream } from '../../mariadb/foreign/xbstream.ts';
import { testAttempt } from './attempts.ts';
import { runFolder } from './run.ts';

const run = promisify(execFile);

/** Runs a line of a shell in a folder. */
export async function shell(folder: string, line: string): Promise<string> {
  const { stdout } = await run('bash', ['-c', `set -euo pipefail; ${line}`], { cwd: folder });
  return stdout;
}

export interface UnpackedFile {
  form: string;
  directory: string;
  into: Unpacked;
}

/** Unpacks an archive into a new folder. */
export async function unpackFile(
  file: string,
  key?: string,
  limits: Partial<UnpackedOptions> = {},
): Promise<UnpackedFile> {
  const server = serverSettings.parse({ defaults_file: '/none' });
  const directory = await mkdtemp(path.join(runFolder(), 'unpacked-'));
  const options = { key, server, attempt: await testAttempt() };
  const { form, content, bytes } = await openLayers(createReadStream(file), options);
  const reader = new ByteReader(bytes);
  const into = new Unpacked({ directory, mostBytes: 10 ** 9, keepFree: 0, ...limits });
  try {
    await (content === 'tar' ? unpackTar : unpackXbstream)(reader, into);
    await reader.drain();
  } finally {
    await reader.end();
  }
  return { form, directory, into };
}
