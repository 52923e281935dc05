/**
 * Checks package-lock.json: every platform's build of a package is in it, and each package has its digest and no
 * address of its own, other than npm's registry.
 *
 * npm writes a lock from what the registry has that day. A package whose builds for some platform were not out yet
 * gives a lock without them, and `npm ci` then fails, or leaves the program out, on that platform alone.
 */
import { readFileSync } from 'node:fs';

interface LockedPackage {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  optionalDependencies?: Record<string, string>;
}

/** What is wrong with a lock file, a sentence each. */
export function findProblems(text: string): string[] {
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
  const problems: string[] = [];
  for (const [path, { resolved, integrity, optionalDependencies = {}, link }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      if (!names.has(name)) problems.push(`${path} wants ${name}, which is not in the lock file`);
    }
    if (path === '' || link === true) continue;
    if (resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')) {
      problems.push(`${path} comes from ${resolved}, not from https://registry.npmjs.org/`);
    }
    if (integrity === undefined) problems.push(`${path} has no digest`);
  }
  return problems;
}

if (import.meta.main) {
  const problems = findProblems(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
  for (const problem of problems) console.error(`package-lock.json: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
