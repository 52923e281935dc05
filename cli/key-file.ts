/** The file of sealing keys, written so that nobody else reads it and no half of it is ever there. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { newKeyLine, parseKeys } from '../sealing/keys.ts';

interface Ownership {
  mode: number;
  uid: number;
  gid: number;
}

/**
 * @returns the new key's id
 * @throws invalid_setting when the file exists or cannot be written
 */
export function makeKeyFile(file: string): string {
  const text = `${newKeyLine()}\n`;
  refusing(file, 'made', () => {
    write(file, text);
    syncFolder(file);
  });
  return idsOf(text, file)[0];
}

/** @throws invalid_setting when it cannot be read */
export function readKeyFile(file: string): string {
  return refusing(file, 'read', () => readFileSync(file, 'utf8'));
}

/**
 * Owner and mode stay as they are.
 *
 * @returns the ids of all keys, the new one's first
 * @throws invalid_setting when the file is not one of keys or cannot be replaced
 */
export function rotateKeyFile(file: string): [string, ...string[]] {
  const before = readKeyFile(file);
  idsOf(before, file);
  const text = `${newKeyLine()}\n${before}`;
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${randomBytes(6).toString('hex')}`,
  );
  refusing(file, 'replaced', () => {
    try {
      write(temporary, text, statSync(file));
      renameSync(temporary, file);
    } finally {
      rmSync(temporary, { force: true });
    }
    syncFolder(file);
  });
  return idsOf(text, file);
}

function idsOf(text: string, file: string): [string, ...string[]] {
  const [first, ...others] = parseKeys(text, file);
  return [first.id, ...others.map(({ id }) => id)];
}

/** Makes a file that is nobody else's from its first moment on. @throws when it exists */
function write(file: string, text: string, like?: Ownership): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeSync(descriptor, text);
    if (like) {
      fchownSync(descriptor, like.uid, like.gid);
      fchmodSync(descriptor, like.mode & 0o777);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A power cut must not take the name away again. */
function syncFolder(file: string): void {
  const descriptor = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function refusing<T>(file: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new TidemarkError('invalid_setting', `${file} cannot be ${what}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
