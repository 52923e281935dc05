/** The part of a MariaDB version that has to be equal for files to be compatible: `10.11` of `10.11.19-MariaDB-…`. */
export function majorVersion(version: string): string {
  return /(\d+\.\d+)\.\d+/.exec(version)?.[1] ?? version;
}

/** For sorting: below 0 when the first is the older major version. @example compareMajors('10.11.19', '11.4.2') // -1 */
export function compareMajors(a: string, b: string): number {
  const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [numbersOf(a), numbersOf(b)];
  return Math.sign(majorA - majorB || minorA - minorB);
}

function numbersOf(version: string): number[] {
  return majorVersion(version).split('.').map(Number);
}
