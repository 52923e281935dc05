/** Follows a backup, a restore, a verification or a proof to its end, and says how it went. */
import type { Backup, Proof, Restore, Verification } from '../client/answers.ts';
import { untilEnded } from '../client/follow.ts';
import { exitCodes } from './exit-codes.ts';
import { Interrupted, type Outcome } from './io.ts';
import { progressOn } from './output/progress.ts';
import type { Session } from './session.ts';

const lookMs = 500;
/** An api that is deployed anew, or a network that is mended, is back by then. */
const outageMs = 5 * 60_000;
const noLimitMs = Number.POSITIVE_INFINITY;

type Undo = NonNullable<Restore['undo']>;

/**
 * Shows the progress, and at the end the record. An operation that did not succeed makes the exit code 1. Ctrl-C ends
 * the watching and never the operation.
 *
 * @param wanted how it is to end
 * @param again the command that watches it: `watch`, and a backup's id or a restore's number
 */
export async function follow<T extends Backup | Proof | Restore | Undo | Verification>(
  session: Session,
  outcome: Outcome,
  again: string,
  look: () => Promise<T>,
  wanted: T['status'] = 'Succeeded',
): Promise<void> {
  const { io } = session;
  const progress = progressOn(io.stderr);
  let ended: T;
  try {
    ended = await untilEnded(look, (state) => progress.seen(state.status, state.progress), {
      everyMs: lookMs,
      limitMs: noLimitMs,
      outageMs,
      away: (error) => session.say(`${error.message} Asking again, for up to ${outageMs / 60_000} minutes.`),
      signal: io.interrupted,
    });
  } catch (error) {
    progress.end(false);
    if (!(error instanceof Interrupted)) throw error;
    session.say(`Stopped watching; the operation goes on. To watch it again: tidemark ${again}`);
    outcome.exitCode = error.exitCode;
    return;
  }
  progress.end(ended.status === wanted);
  session.show(ended);
  if (ended.status === wanted) return;
  session.say(`${ended.status}: ${ended.message}`);
  outcome.exitCode = exitCodes.failed;
}
