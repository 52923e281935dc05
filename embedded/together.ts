/**
 * As Promise.all, but everything has come to an end, well or not, before the first failure is thrown: whoever cleans
 * up after it finds nothing that is still being started.
 */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
