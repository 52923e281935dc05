/** The age identity of an encrypted demo. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { StackOptions } from '../options.ts';
import type { Show } from './show.ts';

/** Makes an identity in the demo's own folder, which is removed with it. @returns what the stack is told of it */
export function makeIdentity(
  folder: string,
  show: Show,
): Promise<Pick<StackOptions, 'recipients' | 'identity'>> {
  return show.step(
    'Make an age identity, which only the agent that restores reads',
    async () => {
      const { identity, recipient } = newAgeIdentity();
      const file = join(folder, 'age-identity');
      await writeFile(file, `${identity}\n`, { mode: 0o600 });
      return { recipients: [recipient], identity: file };
    },
    ({ recipients: [recipient = ''] }) => `its public key is ${recipient}`,
  );
}
