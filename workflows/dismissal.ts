/** What an operation does when the agent that it works with was revoked: it is cancelled besides, and says why. */
import { CancellationScope, condition, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';
import { TidemarkError } from '../domain/errors.ts';
import type { AgentDismissal } from '../domain/operations.ts';
import type { Ending } from './failures.ts';

const dismissedSignal = defineSignal<[AgentDismissal]>('agentDismissed');

export interface Dismissal {
  /** The ending of an operation, with why it was cancelled. */
  explain(ending: Ending): Ending;
  /**
   * Work that waits for its agent without limit, until it is said that this agent will not come back.
   *
   * @throws agent_revoked then
   */
  unlessGone<T>(work: () => Promise<T>): Promise<T>;
}

/** To be called at the beginning of an operation. */
export function heedDismissal(): Dismissal {
  let heard: AgentDismissal = { reason: '', gone: false };
  setHandler(dismissedSignal, (dismissal: AgentDismissal | null | undefined) => {
    heard = { reason: String(dismissal?.reason), gone: heard.gone || dismissal?.gone === true };
  });
  return {
    explain(ending) {
      if (heard.reason === '' || ending.status !== 'Cancelled') return ending;
      return { ...ending, message: `${ending.message} ${heard.reason}` };
    },
    async unlessGone(work) {
      const scope = new CancellationScope();
      const result = scope.run(work);
      // Called off, nobody waits for it any more: the work itself hears of that.
      void condition(() => heard.gone).then(
        () => scope.cancel(),
        () => undefined,
      );
      try {
        return await result;
      } catch (error) {
        if (!heard.gone || !isCancellation(error)) throw error;
        throw new TidemarkError(
          'agent_revoked',
          'The agent does not answer any more, and its host was left as it is: settle it by hand before its server is used.',
        );
      }
    },
  };
}
