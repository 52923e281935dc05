/** How an activity's error reaches Temporal: the stable name as the failure's type, and whether to try again. */
import { type Context, Context as ActivityContext } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { type ErrorName, messageOf, TidemarkError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';

/**
 * Turns what an activity throws into what Temporal understands. Our own errors keep name and verdict; anything else
 * is a defect, logged with its stack here because the failure carries none.
 */
export function failureInterceptor(context: Context, log: Log): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        if (error instanceof CancelledFailure || context.cancellationSignal.aborted) {
          // Whatever a cancelled activity throws is its cancellation: otherwise it would count as a failure.
          throw error instanceof CancelledFailure ? error : new CancelledFailure(messageOf(error));
        }
        if (error instanceof ApplicationFailure) throw error;
        if (!(error instanceof TidemarkError)) {
          const { activityType, attempt } = context.info;
          log.error(
            { err: error, activityType, attempt },
            'An activity failed with an error that nobody foresaw.',
          );
        }
        throw toFailure(error);
      }
    },
  };
}

/**
 * For where there is no way back: an error of one of these names, which ends other work, is tried again as the profile
 * says. Any other is answered as it is.
 */
export function mayPass(error: unknown, names: readonly ErrorName[]): unknown {
  return error instanceof TidemarkError && names.includes(error.code) ? toFailure(error, true) : error;
}

/** For where it was waited for long enough: an error that is tried again elsewhere ends the work. */
export function forGood(error: TidemarkError): ApplicationFailure {
  return toFailure(error, false);
}

function toFailure(error: unknown, retryable?: boolean): ApplicationFailure {
  const known = error instanceof TidemarkError;
  const failure = ApplicationFailure.create({
    type: known ? error.code : 'internal',
    message: messageOf(error),
    nonRetryable: known && !(retryable ?? error.retryable),
  });
  // A stack in a history helps nobody who reads it there, and shows paths of this host.
  failure.stack = '';
  return failure;
}

/** A pause that ends at once when the activity is cancelled. @throws CancelledFailure */
export async function pause(ms: number): Promise<void> {
  await ActivityContext.current().sleep(ms);
}
