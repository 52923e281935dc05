/** What the Temporal client throws, in our words. */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { TidemarkError } from '../domain/errors.ts';

/** UNAVAILABLE and DEADLINE_EXCEEDED, whose details speak of the client's inside. */
const silent = new Set([4, 14]);
/** gRPC statuses that say nothing against the request itself: the same may succeed later. */
const passing = new Set([1, 2, 4, 8, 13, 14]);

function grpcError(error: unknown): { code: number; details: string } | undefined {
  if (isGrpcServiceError(error)) return { code: error.code, details: error.details };
  if (error instanceof ServiceError) return grpcError(error.cause);
  return undefined;
}

/** Whether Temporal was away, rather than refusing what it was asked. */
export function mayPass(error: unknown): boolean {
  return passing.has(grpcError(error)?.code ?? -1);
}

/** Whatever a call to Temporal failed with; an error that is no answer of Temporal's stays what it is. */
export function temporalError(error: unknown, address: string, namespace: string): unknown {
  const failure = grpcError(error);
  if (!failure) return error;
  const reason = silent.has(failure.code) ? 'does not answer' : `refuses: ${failure.details}`;
  return new TidemarkError(
    'temporal_unavailable',
    `Temporal at ${address}, namespace ${namespace}, ${reason}. Nothing was started.`,
    { cause: error },
  );
}
