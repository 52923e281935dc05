/** What can stand between a client and the answer that it wants. */

/** One thing that is wrong, as the API's error object lists it. */
export interface RefusalItem {
  /** A stable name, see docs/errors.md. An api that is newer than the client may have names of its own. */
  error: string;
  message: string;
}

/** The API answered, and the answer is no success. `message` has the API's own sentences, a line each. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly items: readonly RefusalItem[];
  /** The request's id, under which the api's log tells more; empty when the answer had none. */
  readonly requestId: string;
  /** What the API asks to wait before the same is asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(answer: {
    status: number;
    items: readonly RefusalItem[];
    requestId: string;
    retryAfterMs: number | undefined;
  }) {
    super(answer.items.map(({ message }) => message).join('\n'));
    this.status = answer.status;
    this.items = answer.items;
    this.requestId = answer.requestId;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** Nothing answered that is Tidemark's API. `message` names the address and says why, as far as that is known. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
  /** Whether the request may have reached the API all the same. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, mayHaveArrived: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.mayHaveArrived = mayHaveArrived;
  }
}
