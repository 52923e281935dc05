/** Waiting for an operation, with its progress before everyone's eyes. */
import type { Backup, Restore } from '../../client/answers.ts';
import { untilEnded } from '../../client/follow.ts';
import type { Show } from './show.ts';

type Undo = NonNullable<Restore['undo']>;

/** Follows an operation to its end. @throws with its own message when it did not succeed */
export async function followed<T extends Backup | Restore | Undo>(
  look: () => Promise<T>,
  show: Show,
): Promise<T> {
  const following = show.follow();
  let succeeded = false;
  const ended = await untilEnded(look, (state) => {
    succeeded = state.status === 'Succeeded';
    following.seen(state.status, state.progress);
  }).finally(() => following.end(succeeded));
  if (ended.status !== 'Succeeded') throw new Error(`It ended as ${ended.status}: ${ended.message ?? ''}`);
  return ended;
}
