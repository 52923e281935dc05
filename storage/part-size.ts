/** How large the parts of a stream are, so that a manifest can name all of them. */

/** Every part takes some 300 bytes of the manifest, which is held in memory whole. */
export const mostParts = 200_000;

/** Room for a stream that turns out longer than it was expected to be. */
const plannedParts = 150_000;

const mebibyte = 1024 * 1024;

/**
 * Bytes of each part: as many as are wanted, or more where the stream would have too many of them.
 *
 * @param expectedBytes of the stream; 0 where that is not known
 * @example partSizeFor(16 * 1024 ** 2, 10 * 1024 ** 4) // 70 MiB
 */
export function partSizeFor(wanted: number, expectedBytes: number): number {
  const needed = expectedBytes / plannedParts;
  return needed <= wanted ? wanted : Math.ceil(needed / mebibyte) * mebibyte;
}
