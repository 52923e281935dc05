/** Puts the id of the request into every line that is logged while it is worked on, wherever that is. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ApiLog } from './context.ts';

const requests = new AsyncLocalStorage<string>();

/** Runs `work` as part of a request. */
export function inRequest<T>(requestId: string, work: () => T): T {
  return requests.run(requestId, work);
}

/** @example const log = withRequestIds(pino({ name: 'api' })) */
export function withRequestIds(log: ApiLog): ApiLog {
  const marked = (fields: object): object => {
    const requestId = requests.getStore();
    return requestId === undefined ? fields : { request_id: requestId, ...fields };
  };
  return {
    info: (fields, message) => log.info(marked(fields), message),
    warn: (fields, message) => log.warn(marked(fields), message),
    error: (fields, message) => log.error(marked(fields), message),
  };
}
