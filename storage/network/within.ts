/** Work on a store that is given up when it takes too long. */
import { TidemarkError } from '../../domain/errors.ts';

/**
 * @param work has to end soon once its signal is aborted
 * @throws storage_timeout, as the reason of that signal; whatever `work` throws
 */
export async function within<T>(
  ms: number,
  location: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    const seconds = Math.round(ms / 100) / 10;
    late.abort(new TidemarkError('storage_timeout', `${location} did not answer within ${seconds} s.`));
  }, ms);
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
  }
}
