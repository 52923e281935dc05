/**
 * The two generations of the API. They differ in two answers: what the current one wraps, the one of 2024 gives as a
 * bare array. A client of 2024 is known by its path, or by the media type that it asks for.
 */
import type { Context } from 'hono';

export const basePath = '/skybackup/v1';

/** The same operations, with the answers of 2024. */
export const basePath2024 = `/2024${basePath}`;

export const basePaths: readonly string[] = [basePath, basePath2024];

export const mediaType2024 = 'application/vnd.skysql.2024+json';

/** Whether this request wants the answers of 2024. */
export function wants2024(c: Context): boolean {
  return c.req.path.startsWith(`${basePath2024}/`) || accepts2024(c);
}

/** By name: a client that takes anything gets the current generation. */
export function accepts2024(c: Context): boolean {
  const accepted = (c.req.header('accept') ?? '').toLowerCase().split(',');
  return accepted.some((one) => {
    const [type = '', ...parameters] = one.split(';').map((part) => part.trim());
    return type === mediaType2024 && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
