/** Which databases a dump holds. Pure. */
import { TidemarkError } from './errors.ts';
import type { DumpContent } from './manifest.ts';

/** What a service's setting `dump` says. */
export interface DumpFilter {
  /** Names; none: all. */
  include: readonly string[];
  exclude: readonly string[];
}

/** The server's own. What people made in them is in no dump. */
const systemDatabases = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/**
 * @param all the names of the server's databases
 * @returns also those that the setting includes (`missing`) and excludes (`unmet`) and the server does not have
 * @throws dump_empty when a setting leaves none
 *
 * @example chooseDatabases(['mysql', 'shop', 'test'], { include: [], exclude: ['test'] }).databases // ['shop']
 */
export function chooseDatabases(
  all: readonly string[],
  { include, exclude }: DumpFilter,
): DumpContent & Record<'missing' | 'unmet', string[]> {
  // A directory that is no database has a name of this kind.
  const own = all.filter((name) => !systemDatabases.has(name.toLowerCase()) && !name.startsWith('#mysql50#'));
  const databases = own
    .filter((name) => include.length === 0 || include.includes(name))
    .filter((name) => !exclude.includes(name));
  const whole = include.length === 0 && exclude.length === 0;
  if (!whole && databases.length === 0) {
    throw new TidemarkError(
      'dump_empty',
      `The setting "dump" of the service leaves no database to dump: the server has ${listed(own.sort())}. Change "include" or "exclude".`,
    );
  }
  const absent = (name: string): boolean => !own.includes(name);
  return {
    databases: databases.toSorted(),
    whole,
    missing: include.filter(absent),
    unmet: exclude.filter(absent),
  };
}

/** Names for a message, some of them where there are many. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
