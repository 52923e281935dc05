/**
 * The order of the suites: those first that take longest, so that none of them is left to one worker alone in the end.
 * It is the same for every run, also in a clone that has never run them.
 */
import path from 'node:path';

/** Below test/, the longest first; what is not named comes last. */
const order = [
  'stack/taken-over',
  'bench',
  'mariadb/follow-timelines',
  'stack',
  'embedded/start',
  'embedded/demo',
  'mariadb/cutover',
  'storage/gcs-hostile',
  'storage/s3-hostile',
  'mariadb',
  'storage',
  'embedded',
  'api',
  'activities',
  'workflows',
  'setup',
];

const tests = path.join(import.meta.dirname, '..');

/** @param {string} file */
function rankOf(file) {
  const name = path.relative(tests, file);
  const rank = order.findIndex((start) => name.startsWith(start));
  return rank === -1 ? order.length : rank;
}

export default class LongestFirst {
  /**
   * @template {{ path: string }} T
   * @param {T[]} suites
   */
  sort(suites) {
    return suites.toSorted((a, b) => rankOf(a.path) - rankOf(b.path) || a.path.localeCompare(b.path));
  }

  /** The parts of `--shard`. @param {{ path: string }[]} suites @param {{ shardIndex: number, shardCount: number }} part */
  shard(suites, { shardIndex, shardCount }) {
    return this.sort(suites).filter((_, index) => index % shardCount === shardIndex - 1);
  }

  /** Of `--onlyFailures`: none is known, so all run. @param {{ path: string }[]} suites */
  allFailedTests(suites) {
    return suites;
  }

  /** The order does not depend on earlier runs. */
  cacheResults() {}
}
