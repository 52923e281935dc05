/** The part of a MariaDB version that has to be equal for files to be compatible: `10.11` of `10.11.19-MariaDB-…`. */
export function majorVersion(version: string): string {
  return /(\d+\.\d+)\.\d+/.exec(version)?.[1] ?? version;
}
