/**
 * The one table of errors. Everything that can be said to a user derives from it: the stable name,
 * the HTTP status, whether Temporal may try again, and the page in docs/errors.md.
 */
import type { ErrorEntry } from './errors/entry.ts';
import { foreignErrors } from './errors/foreign.ts';
import { hostErrors } from './errors/host.ts';
import { obstacleErrors } from './errors/obstacles.ts';
import { operationErrors } from './errors/operations.ts';
import { proofErrors } from './errors/proofs.ts';
import { partErrors } from './errors/part.ts';
import { processErrors } from './errors/processes.ts';
import { replayErrors } from './errors/replay.ts';
import { requestErrors } from './errors/requests.ts';
import { storeErrors } from './errors/store.ts';

/** In the order of the page. */
export const errorTable = {
  ...requestErrors,
  ...obstacleErrors,
  ...processErrors,
  ...hostErrors,
  ...replayErrors,
  ...proofErrors,
  ...partErrors,
  ...foreignErrors,
  ...storeErrors,
  ...operationErrors,
} as const satisfies Record<string, ErrorEntry>;

export type ErrorName = keyof typeof errorTable;

/** One thing that is wrong, as it is listed in the API's error object. */
export interface ErrorItem {
  error: ErrorName;
  message: string;
}

/**
 * The only error that Tidemark throws on purpose. `message` is a sentence that says what is wrong and
 * what would be right; it never holds a secret or a stack.
 *
 * @example throw new TidemarkError('service_not_found', 'There is no service "db1".')
 */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError';
  readonly code: ErrorName;
  /** All findings, when more than one thing is wrong at once; the first is this error itself. */
  readonly items: readonly ErrorItem[];
  /** When asking again can help, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorName,
    message: string,
    options: { cause?: unknown; items?: readonly ErrorItem[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.items = options.items ?? [{ error: code, message }];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

export function isErrorName(name: unknown): name is ErrorName {
  return typeof name === 'string' && Object.hasOwn(errorTable, name);
}

/** What an unknown thrown value says of itself, for a message; never a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
